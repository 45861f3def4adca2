import pg from 'pg';
import { DatabaseRefused, type PoolerMode } from './session-settings.js';

/** An answer that takes longer shows nothing: in session mode the pooler lets further clients wait for a connection. */
const probeTimeoutMs = 3_000;
/** Rounds of questions; with other clients at work any one of them shows transaction mode. */
const roundsMax = 3;

/**
 * How a new connection reaches PostgreSQL. A pooler gives its clients process ids of its own, so an id that is not the
 * server's shows one; its mode shows in which of the server's connections answer. `known` is the mode that was found before.
 *
 * @throws DatabaseRefused in statement mode, which has no transactions; or what PostgreSQL throws
 */
export async function readPoolerMode(
  client: pg.Client,
  config: pg.ClientConfig,
  known?: Promise<PoolerMode>,
): Promise<PoolerMode> {
  if ((await readPid(client)) === announcedPid(client)) return 'none';
  try {
    return await probePooler(config);
  } catch (error) {
    // A pooler that has no connection left for this question has not changed its mode.
    const before = await known?.catch(() => undefined);
    if (error instanceof DatabaseRefused || before === undefined || before === 'none') throw error;
    return before;
  }
}

/** The process id that the server, or a pooler before it, gave when the connection was made; not in the types of `pg`. */
export function announcedPid(client: pg.Client): number | null {
  return (client as unknown as { processID: number | null }).processID;
}

/** The process of the server that answers. */
export async function readPid(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid ?? 0;
}

/**
 * Two clients ask for their connection's process id in turns. In session mode each has one of its own for as long as it is
 * connected. One that changes, or that both have, shows transaction mode: an idle pooler gives the connection that was
 * used last, or each in turn, and a busy one whichever is free.
 */
async function probePooler(config: pg.ClientConfig): Promise<'session' | 'transaction'> {
  const limits = { ...config, connectionTimeoutMillis: probeTimeoutMs, query_timeout: probeTimeoutMs };
  const first = new pg.Client(limits);
  const second = new pg.Client(limits);
  for (const client of [first, second]) client.on('error', () => undefined);
  try {
    await first.connect();
    await refuseStatementMode(first);
    const own = await readPid(first);
    // Without an answer there is no evidence: in session mode the pooler may have no second connection to give.
    const other = await second.connect().then(
      () => readPid(second),
      () => null,
    );
    if (other === own) return 'transaction';
    for (let round = 0; round < roundsMax; round += 1) {
      if ((await readPid(first)) !== own || (await readPid(first)) !== own) return 'transaction';
      if (other === null) continue;
      const again = await readPid(second).catch(() => other);
      if (again !== other) return 'transaction';
    }
    return 'session';
  } finally {
    await Promise.allSettled([first.end(), second.end()]);
  }
}

async function refuseStatementMode(client: pg.ClientBase): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query('COMMIT');
  } catch (error) {
    if (!(error instanceof Error) || !/statement pooling/i.test(error.message)) throw error;
    throw new DatabaseRefused(
      'DATABASE_URL leads through a pooler in statement mode, which has no transactions: use session or transaction mode.',
    );
  }
}
