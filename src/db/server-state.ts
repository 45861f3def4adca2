import type { Queryable } from './pool.js';

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

/** The settings of a session that the service relies on, as PostgreSQL has them now. */
export interface SessionSettings {
  readonly timeZone: string;
  readonly dateStyle: string;
  readonly isolation: string;
  readonly searchPath: string;
  readonly statementTimeoutMs: number;
}

export async function readSessionSettings(db: Queryable): Promise<SessionSettings> {
  const { rows } = await db.query<SessionSettings>(
    `SELECT current_setting('TimeZone') AS "timeZone", current_setting('DateStyle') AS "dateStyle",
            current_setting('default_transaction_isolation') AS isolation,
            current_setting('search_path') AS "searchPath",
            (SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout') AS "statementTimeoutMs"`,
  );
  if (rows[0] === undefined) throw new Error('the session has no settings');
  return rows[0];
}
