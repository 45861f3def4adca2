import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Availability } from '../domain/availability.js';
import { connectionConfig, sessionPreparation } from './connection.js';
import { isAnswerTimeout, isTransactionConflict, readDatabaseCause } from './unavailable.js';

export type { Pool, PoolClient } from 'pg';

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

const connectTimeoutMs = 5_000;

/**
 * A pool for one process. Every connection has the settings of `session-settings.ts`, or is refused. `timestamptz` comes as
 * ISO text in UTC with microseconds where it has them, `numeric` and `bigint` as text: nothing passes through a float or
 * loses an instant's digits. `availability` hears of every answer and every failure.
 */
export function createPool(
  databaseUrl: string,
  connectionsMax: number,
  onIdleError: (error: Error) => void,
  availability?: Availability,
): pg.Pool {
  const config = connectionConfig(databaseUrl);
  const prepare = sessionPreparation(config);
  // Before anything else runs on a new connection. The pool waits for the promise, though its types say nothing of one.
  const onConnect = (client: pg.ClientBase): unknown => {
    if (availability !== undefined) observeStatements(client, availability);
    return prepare(client);
  };
  const pool = new pg.Pool({
    ...config,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    onConnect,
  });
  if (availability !== undefined) observeConnecting(pool, availability);
  repeatStatements(pool);
  // An idle connection that dies must not end the process; the next query takes a fresh one.
  pool.on('error', onIdleError);
  // The pool does not handle errors of a checked-out connection. One that dies between two statements of a transaction would
  // end the process; the next statement throws, and the pool drops it when it is released.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** Methods of `pg` that take a callback, or answer a promise without one. */
type Method = (...args: unknown[]) => unknown;
type Done = (error: unknown, ...results: unknown[]) => void;

/** Calls `method`, and `observe` with its error, undefined on success, before its caller hears of it. */
function observed(method: Method, args: readonly unknown[], observe: (error: unknown) => void): unknown {
  const done = args.at(-1);
  if (typeof done === 'function') {
    return method(...args.slice(0, -1), (error: unknown, ...results: unknown[]) => {
      observe(error ?? undefined);
      (done as Done)(error, ...results);
    });
  }
  const answer = method(...args);
  if (answer instanceof Promise) void answer.then(() => observe(undefined), observe);
  return answer;
}

/**
 * Any answer, also that a statement is wrong or that another transaction was in the way, shows that the server is there;
 * only another passing error shows the opposite.
 */
function observeStatements(client: pg.ClientBase, availability: Availability): void {
  const query = client.query.bind(client) as Method;
  client.query = ((...args: unknown[]) =>
    observed(query, args, (error) => {
      const isAnswer = error === undefined || isTransactionConflict(error);
      const cause = isAnswer ? null : readDatabaseCause(error);
      if (cause === null) availability.succeeded();
      else availability.failed(cause);
    })) as pg.ClientBase['query'];
}

/** Connections that fail, and waits for a free one that last too long. */
function observeConnecting(pool: pg.Pool, availability: Availability): void {
  const connect = pool.connect.bind(pool) as Method;
  pool.connect = ((...args: unknown[]) =>
    observed(connect, args, (error) => {
      const cause = error === undefined ? null : readDatabaseCause(error);
      if (cause !== null) availability.failed(cause);
    })) as pg.Pool['connect'];
}

/** One statement is a transaction of its own, so it is repeated like one. */
function repeatStatements(pool: pg.Pool): void {
  const query = pool.query.bind(pool) as Method;
  pool.query = ((...args: unknown[]) =>
    typeof args.at(-1) === 'function'
      ? query(...args)
      : repeatedOnConflict(() => query(...args) as Promise<unknown>)) as pg.Pool['query'];
}

/** Attempts of a transaction that others make fail, the first included; each of them ends at least one of the others. */
const attemptsMax = 5;
/** Grows with each attempt; a random part of it keeps two transactions from meeting again. */
const repeatAfterMs = 20;

/** The one place where a transaction is repeated: after a deadlock or a conflict, when nothing of it is stored. */
async function repeatedOnConflict<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isTransactionConflict(error) || attempts >= attemptsMax) throw error;
      await sleep(repeatAfterMs * attempts * (0.5 + Math.random()));
    }
  }
}

/**
 * Runs `work` in one transaction on one connection, under the isolation "read committed": committed when it returns, rolled
 * back when it throws. A connection whose rollback fails is thrown away. After a deadlock or a conflict with another
 * transaction `work` runs again, a few times at most: it changes nothing but the database.
 */
export async function transaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return await repeatedOnConflict(() => transactionOnce(pool, work));
}

async function transactionOnce<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    // Named here too, at no cost, for a pooler's connection that others have set.
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
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
