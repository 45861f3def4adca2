import type { Client } from '@temporalio/client';
import { bankFeedWorkflowId } from '../../src/domain/ids.js';

/** What one feed's open run has written so far. */
export interface HistorySize {
  readonly events: number;
  readonly bytes: number;
  /** Slices of delivery that were scheduled. */
  readonly slices: number;
  /** Of the events: the place of each slice's scheduling, counted from 0. */
  readonly sliceStarts: readonly number[];
}

/** `EVENT_TYPE_ACTIVITY_TASK_SCHEDULED`, as the server's protocol numbers it. */
const activityScheduled = 10;

export async function readHistory(client: Client, input: { feedId: string }): Promise<HistorySize> {
  const handle = client.workflow.getHandle(bankFeedWorkflowId(input.feedId));
  const description = await handle.describe();
  const { events } = await handle.fetchHistory();
  const sliceStarts = (events ?? []).flatMap((event, index) =>
    Number(event.eventType) === activityScheduled ? [index] : [],
  );
  return {
    events: description.historyLength,
    bytes: description.historySize ?? 0,
    slices: sliceStarts.length,
    sliceStarts,
  };
}

/** What one slice with all that surrounds it adds to a history: from one slice's scheduling to the next one's. */
export interface SliceCost {
  readonly events: number;
  readonly bytes: number;
}

/** Between two readings of one run; the slices that were scheduled in between must be of one kind. */
export function costOfSlice(before: HistorySize, after: HistorySize): SliceCost {
  const first = after.sliceStarts[before.slices - 1];
  const last = after.sliceStarts.at(-1);
  if (first === undefined || last === undefined || last === first) throw new Error('no slice in between');
  const events = (last - first) / (after.slices - before.slices);
  return { events, bytes: (events * (after.bytes - before.bytes)) / (after.events - before.events) };
}
