import type { Client, Connection } from '@temporalio/client';
import type { DatabaseMark } from '../domain/database-mark.js';
import { fleetRepairScheduleId } from '../domain/ids.js';
import { readDatabaseMark, writeDatabaseMark } from './database-mark.js';
import { restoreSchedules } from './schedules.js';
import { registerSearchAttributes } from './search-attributes.js';

/**
 * What the service needs in its namespace besides workflows: the Schedule of the repair job, the search attributes and
 * the database's mark. Every call is safe to repeat and has a deadline; it throws when the server does not answer.
 */
export interface TemporalSetup {
  /** Makes what is missing. Returns its names; empty when nothing was. */
  restore(): Promise<readonly string[]>;
  /** Null when Temporal has none. */
  readMark(): Promise<DatabaseMark | null>;
  writeMark(mark: DatabaseMark): Promise<void>;
}

/** One check makes a handful of calls; it fails after this time, and the next one follows soon. */
const callsTimeoutMs = 10_000;

export function createTemporalSetup(input: {
  client: Client;
  connection: Connection;
  namespace: string;
}): TemporalSetup {
  const { client, connection, namespace } = input;
  const call = <T>(work: () => Promise<T>): Promise<T> =>
    connection.withDeadline(Date.now() + callsTimeoutMs, () =>
      client.withDeadline(Date.now() + callsTimeoutMs, work),
    );
  return {
    restore: () =>
      call(async () => {
        const { registered } = await registerSearchAttributes({ connection, namespace });
        const { created } = await restoreSchedules(client);
        return setupPartNames({ registered, created });
      }),
    readMark: () => call(() => readDatabaseMark(client)),
    writeMark: (mark) => call(() => writeDatabaseMark(client, mark)),
  };
}

/** The names under which parts that were missing are reported. */
export function setupPartNames(missing: { registered: readonly string[]; created: boolean }): string[] {
  return [
    ...missing.registered.map((name) => `search_attribute/${name}`),
    ...(missing.created ? [`schedule/${fleetRepairScheduleId}`] : []),
  ];
}
