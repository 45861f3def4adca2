import type { Queryable } from './pool.js';
import { sessionSettings } from './session-settings.js';

/** What an operator needs to know about the server and our database in it. */
export interface ServerState {
  readonly version: string;
  readonly encoding: string;
  /** A standby. */
  readonly inRecovery: boolean;
  /** Transactions of our sessions are read-only unless they say otherwise. */
  readonly readOnly: boolean;
  /** Of those that an ordinary role may use. */
  readonly connectionsFree: number;
}

export async function readServerState(db: Queryable): Promise<ServerState> {
  const { rows } = await db.query<ServerState>(
    `SELECT current_setting('server_version') AS version,
            (SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()) AS encoding,
            pg_is_in_recovery() AS "inRecovery",
            current_setting('transaction_read_only') = 'on' AS "readOnly",
            (current_setting('max_connections')::int
             - current_setting('superuser_reserved_connections')::int
             - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'))::int AS "connectionsFree"`,
  );
  if (rows[0] === undefined) throw new Error('the server did not describe itself');
  return rows[0];
}

/** What a session of ours has for each of `sessionSettings`, in the forms of `pg_settings`. */
export async function readSessionSettings(db: Queryable): Promise<Readonly<Record<string, string>>> {
  const { rows } = await db.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings WHERE name = ANY ($1::text[])`,
    [Object.keys(sessionSettings)],
  );
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
}
