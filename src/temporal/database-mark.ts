import { ScheduleAlreadyRunning, ScheduleNotFoundError, type Client } from '@temporalio/client';
import { databaseMarkScheduleId, taskQueues } from '../domain/ids.js';
import { parseDatabaseMark, printDatabaseMark, type DatabaseMark } from '../domain/database-mark.js';
import { readScheduleState } from './schedule-state.js';

/**
 * The database's mark as Temporal holds it: the note of a paused Schedule that never runs. A note is plain text, so it is
 * readable whatever happens to the encryption keys, and a backup of Temporal contains it.
 */

/** Null when Temporal has none, or an operator has written something else into the note. */
export async function readDatabaseMark(client: Client): Promise<DatabaseMark | null> {
  const state = await readScheduleState(client, databaseMarkScheduleId);
  return parseDatabaseMark(state?.note ?? '');
}

/**
 * Leaves a later mark as it is: a process that stood still for a while would write an old one over it, which looks like
 * an older Temporal.
 */
export async function writeDatabaseMark(client: Client, mark: DatabaseMark): Promise<void> {
  const present = await readDatabaseMark(client);
  if (present !== null && present.databaseId === mark.databaseId && present.mark >= mark.mark) return;
  const note = printDatabaseMark(mark);
  try {
    await client.schedule.getHandle(databaseMarkScheduleId).pause(note);
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    await createSchedule(client, note);
  }
}

async function createSchedule(client: Client, note: string): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId: databaseMarkScheduleId,
      // No times: it would not run even if somebody unpaused it.
      spec: {},
      action: {
        type: 'startWorkflow',
        workflowType: 'fleetRepairWorkflow',
        workflowId: databaseMarkScheduleId,
        taskQueue: taskQueues.workflows,
        args: [],
      },
      state: { paused: true, note },
    });
  } catch (error) {
    // Another worker was first; its mark is as good, and the next one is written in a minute.
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}
