import type pg from 'pg';

/*
 * What every connection of the service has, whatever the defaults of server, database and role are. The settings are made
 * by statements: a pooler such as PgBouncer refuses most startup parameters. Behind a pooler in transaction mode each
 * transaction may run on another connection of the server, and what one sets is lost, or reaches others; there the role's own
 * defaults must have the values, and a connection without them is refused. docs/operations/pooler.md explains it.
 */

/** PostgreSQL answers within this time or the statement is canceled; slow work is done in pages. */
export const statementTimeoutMs = 15_000;
/** A lock that is held longer than this is waited for again, after the caller has let go of its own. */
const lockTimeoutMs = 10_000;
/** A client that is gone or hangs in the middle of a transaction holds its locks no longer than this. */
const idleInTransactionTimeoutMs = 10_000;

/** By the names and in the forms of the view `pg_settings`: times in ms. */
export const sessionSettings: Readonly<Record<string, string>> = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  array_nulls: 'on',
  standard_conforming_strings: 'on',
  search_path: 'public',
  default_transaction_isolation: 'read committed',
  statement_timeout: String(statementTimeoutMs),
  lock_timeout: String(lockTimeoutMs),
  idle_in_transaction_session_timeout: String(idleInTransactionTimeoutMs),
};

/** Migrations rewrite tables and wait for each other: only there statements and waits for locks have no limit. */
export const migrationSettings: Readonly<Record<string, string>> = {
  ...sessionSettings,
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};

/** How a connection reaches PostgreSQL: directly, or through a pooler in one of its modes. */
export type PoolerMode = 'none' | 'session' | 'transaction';

/** The connection cannot be used as it is, and only an operator can change that. The message is one sentence. */
export class DatabaseRefused extends Error {
  override readonly name = 'DatabaseRefused';
}

const encoding = 'UTF8';

/**
 * Makes the settings on a connection whose session is its own, and verifies them. Returns the id of the server's process.
 *
 * @throws DatabaseRefused, or what PostgreSQL throws
 */
export async function setSession(
  client: pg.ClientBase,
  settings: Readonly<Record<string, string>> = sessionSettings,
): Promise<number> {
  const statements = Object.entries(settings).map(
    ([name, value]) => `SET ${name} TO ${name === 'search_path' ? value : `'${value}'`}`,
  );
  // One message, so one round trip; an array of results, as for every text of several statements.
  const results = (await client.query(
    [...statements, readSettings(settings)].join('; '),
  )) as unknown as pg.QueryResult<SettingRow>[];
  const rows = results.at(-1)?.rows ?? [];
  const wrong = wrongSettings(rows, settings, ({ setting }) => setting);
  if (wrong.length > 0)
    throw new DatabaseRefused(`PostgreSQL does not keep these settings: ${wrong.join(', ')}.`);
  refuseEncoding(rows);
  return rows[0]?.pid ?? 0;
}

/**
 * Verifies, without setting anything, that the server's connections have the settings from their start. For transaction
 * mode.
 *
 * @throws DatabaseRefused naming the missing defaults, or what PostgreSQL throws
 */
export async function verifyDefaults(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<SettingRow>(readSettings(sessionSettings));
  const wrong = new Set([
    ...wrongSettings(rows, sessionSettings, ({ reset_val }) => reset_val),
    ...wrongSettings(rows, sessionSettings, ({ setting }) => setting),
  ]);
  if (wrong.size > 0) {
    throw new DatabaseRefused(
      `DATABASE_URL leads through a pooler in transaction mode, where the settings of a session are lost, and the role "${rows[0]?.role ?? ''}" ` +
        `has no default for ${[...wrong].join(', ')}: run the statements of docs/operations/pooler.md once, or use session mode.`,
    );
  }
  refuseEncoding(rows);
}

interface SettingRow {
  readonly name: string;
  readonly setting: string;
  readonly reset_val: string;
  readonly pid: number;
  readonly role: string;
}

function readSettings(settings: Readonly<Record<string, string>>): string {
  const names = [...Object.keys(settings), 'server_encoding'].map((name) => `'${name}'`);
  return `SELECT name, setting, reset_val, pg_backend_pid() AS pid, current_user::text AS role
            FROM pg_settings WHERE name IN (${names.join(', ')})`;
}

function wrongSettings(
  rows: readonly SettingRow[],
  settings: Readonly<Record<string, string>>,
  valueOf: (row: SettingRow) => string,
): string[] {
  const values = new Map(rows.map((row) => [row.name, valueOf(row)]));
  return Object.entries(settings).flatMap(([name, value]) => (values.get(name) === value ? [] : [name]));
}

function refuseEncoding(rows: readonly SettingRow[]): void {
  const found = rows.find(({ name }) => name === 'server_encoding')?.setting;
  if (found === encoding) return;
  throw new DatabaseRefused(
    `The database has the encoding ${found ?? 'unknown'}, in which names and descriptions would be lost: create it again with ENCODING '${encoding}' and TEMPLATE template0.`,
  );
}
