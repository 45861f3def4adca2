import pg from 'pg';
import { announcedPid, readPid, readPoolerMode } from './pooler-mode.js';
import {
  DatabaseRefused,
  migrationSettings,
  setSession,
  statementTimeoutMs,
  verifyDefaults,
  type PoolerMode,
} from './session-settings.js';
import { typeParser } from './value-parsers.js';

/** An answer that has not come this long after the server-side time-out is lost on a dead network connection. */
const answerTimeoutMs = statementTimeoutMs + 5_000;
/** A server that is there answers sooner; an address that drops packets would delay the next attempt by minutes. */
const migrationConnectTimeoutMs = 10_000;
/** A pooler may be put in between, or its mode changed, while the process runs. */
const poolerModeKeptMs = 60_000;
/** Of one connection: a pooler's mode changes between two looks at most once, when somebody changes it. */
const preparationsMax = 3;

/** The options of every client, of which the server gets none: a pooler would refuse them. */
export function connectionConfig(databaseUrl: string): pg.ClientConfig {
  return {
    connectionString: databaseUrl,
    query_timeout: answerTimeoutMs,
    keepAlive: true,
    types: { getTypeParser: typeParser },
  };
}

/** Answers a function for each new connection of a pool, which shares what it finds out about a pooler. */
export function sessionPreparation(config: pg.ClientConfig): (client: pg.ClientBase) => Promise<void> {
  let known: { mode: Promise<PoolerMode>; untilMs: number } | undefined;
  const readMode = (client: pg.Client): Promise<PoolerMode> => {
    if (known !== undefined && performance.now() < known.untilMs) return known.mode;
    const mode = readPoolerMode(client, config, known?.mode);
    const reading = { mode, untilMs: performance.now() + poolerModeKeptMs };
    known = reading;
    mode.catch(() => {
      if (known === reading) known = undefined;
    });
    return mode;
  };
  return async (connected) => {
    const client = connected as unknown as pg.Client;
    for (let round = 0; round < preparationsMax; round += 1) {
      const mode = await readMode(client);
      if (mode === 'transaction') return await verifyDefaults(client);
      const pid = await setSession(client);
      // Once more behind a pooler, in a message of its own: another process of the server shows that the mode is another.
      const still = mode === 'none' ? announcedPid(client) : await readPid(client);
      if (pid === still) return;
      known = undefined;
    }
    throw new DatabaseRefused(
      'The pooler that DATABASE_URL leads through seems to be in session mode, and yet another process of PostgreSQL answers each time: see docs/operations/pooler.md.',
    );
  };
}

/**
 * One connection for migrations: its session is its own, for their lock and settings, and it waits without limit.
 *
 * @throws DatabaseRefused behind a pooler in transaction mode, or what PostgreSQL throws
 */
export async function connectForMigrations(databaseUrl: string): Promise<pg.Client> {
  const config = connectionConfig(databaseUrl);
  const client = new pg.Client({
    ...config,
    query_timeout: 0,
    connectionTimeoutMillis: migrationConnectTimeoutMs,
  });
  // A connection that dies between two statements: the next statement throws, and the caller tries again.
  client.on('error', () => undefined);
  await client.connect();
  try {
    if ((await readPoolerMode(client, config)) === 'transaction') {
      throw new DatabaseRefused(
        'Migrations need a session, and DATABASE_URL leads through a pooler in transaction mode: give "migrate" a DATABASE_URL that leads to PostgreSQL itself.',
      );
    }
    await setSession(client, migrationSettings);
    return client;
  } catch (error) {
    await client.end();
    throw error;
  }
}
