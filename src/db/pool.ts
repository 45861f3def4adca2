import pg from 'pg';

export type { Pool, PoolClient } from 'pg';
type TypeId = Parameters<typeof pg.types.getTypeParser>[0];

/** Anything a statement can run on: the pool, or the one client of a transaction. */
export type Queryable = Pick<pg.ClientBase, 'query'>;

/** Our own codes as a list of SQL literals. Never for input: values are parameters. */
export function literals(codes: readonly string[]): string {
  return codes.map((code) => `'${code}'`).join(', ');
}

/** An SQL expression of type `timestamptz` as the ISO text that answers have, for use inside JSON. */
export function isoText(expression: string): string {
  return `to_char(${expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

/** PostgreSQL answers within this time or the statement is canceled; slow work is done in pages. */
const statementTimeoutMs = 15_000;
/** An answer that has not come this long after the server-side time-out is lost on a dead network connection. */
const answerTimeoutMs = statementTimeoutMs + 5_000;
const idleInTransactionTimeoutMs = 10_000;
const connectTimeoutMs = 5_000;

/**
 * A pool for one process. `timestamptz` comes as ISO text in UTC with microseconds where it has them, `numeric`
 * and `bigint` as text: nothing passes through a float or loses an instant's digits.
 */
export function createPool(
  databaseUrl: string,
  connectionsMax: number,
  onIdleError: (error: Error) => void,
): pg.Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: answerTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    options: '-c timezone=UTC -c datestyle=ISO',
    keepAlive: true,
    types: { getTypeParser: typeParser },
  });
  // An idle connection that dies must not end the process; the next query takes a fresh one.
  pool.on('error', onIdleError);
  // The pool does not handle errors of a checked-out connection. One that dies between two statements of a transaction would
  // end the process; the next statement throws, and the pool drops it when it is released.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

const textTypes: ReadonlySet<TypeId> = new Set<TypeId>([
  pg.types.builtins.DATE,
  pg.types.builtins.NUMERIC,
  pg.types.builtins.INT8,
]);

function typeParser(type: TypeId, format?: 'text' | 'binary'): (value: string) => unknown {
  if (type === pg.types.builtins.TIMESTAMPTZ) return isoFromPostgres;
  if (textTypes.has(type)) return (value) => value;
  return pg.types.getTypeParser(type, format) as (value: string) => unknown;
}

/** `2026-02-03 09:14:07.12+00` as `2026-02-03T09:14:07.120Z`; microseconds stay when there are any. */
export function isoFromPostgres(value: string): string {
  const match = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(value);
  if (match === null) return value;
  const fraction = (match[3] ?? '').padEnd(3, '0');
  return `${match[1]}T${match[2]}.${fraction}Z`;
}

/** `pg` has no code for it: its own text, pinned by a test against the installed version. */
export function isAnswerTimeout(error: unknown): error is Error {
  return error instanceof Error && error.message === 'Query read timeout';
}

/**
 * Runs `work` in one transaction on one connection: committed when it returns, rolled back when it throws.
 * A connection whose rollback fails is thrown away.
 */
export async function transaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // On a dead network connection the rollback would wait as long again; the server does it when the connection ends.
    if (isAnswerTimeout(error)) broken = error;
    else
      await client.query('ROLLBACK').catch((failure: unknown) => {
        broken = failure instanceof Error ? failure : new Error(String(failure));
      });
    throw error;
  } finally {
    client.release(broken);
  }
}
