// The health check of a worker's container: ends with 1, and says why, unless a worker of this host can do its work: the
// database can be written and has the schema, the namespace can be used, and the worker polls every task queue. While a
// restored database is being repaired workers wait, and polling is not asked for.
import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { configOrExit, readMigrateConfig, readTemporalEnvironment } from '../src/config.js';
import { isRestoreBeingRepaired } from '../src/db/database-mark.js';
import { readDatabaseStateCause } from '../src/db/database-state.js';
import { createPool } from '../src/db/pool.js';
import { causeSentence } from '../src/domain/degraded.js';
import { readTemporalCause } from '../src/temporal/cause.js';
import { currentPollers, readPolledQueues } from '../src/temporal/pollers.js';
import { readServerClock } from '../src/temporal/server-clock.js';

const answeredWithinMs = 8_000;

const config = configOrExit(readMigrateConfig);
const environment = configOrExit(readTemporalEnvironment);
const [database, temporal] = await Promise.all([checkDatabase(), temporalProblems(hostname())]);
const problems = [...database.problems, ...temporal(database)];
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exit(problems.length === 0 ? 0 : 1);

async function checkDatabase(): Promise<{ problems: string[]; isBeingRepaired: boolean }> {
  const pool = createPool(config.DATABASE_URL, 1, () => undefined);
  const cause = await readDatabaseStateCause(pool);
  if (cause !== null) return { problems: [`database: ${causeSentence(cause)}`], isBeingRepaired: false };
  return { problems: [], isBeingRepaired: await isRestoreBeingRepaired(pool).catch(() => false) };
}

/** What is wrong depends on whether workers wait for the repair of a restore. */
async function temporalProblems(host: string): Promise<(database: { isBeingRepaired: boolean }) => string[]> {
  try {
    const missing = await queuesNotPolled(host);
    return ({ isBeingRepaired }) =>
      missing.length === 0 || isBeingRepaired ? [] : [`no worker of this host polls ${missing.join(', ')}`];
  } catch (error) {
    return () => [`temporal: ${causeSentence(readTemporalCause(error))}`];
  }
}

/**
 * The task queues that no worker on this host has polled lately, as reported by Temporal and by its clock. A worker's
 * container is a separate host.
 *
 * @throws the Temporal client's error if Temporal does not answer or has no such namespace
 */
async function queuesNotPolled(host: string): Promise<string[]> {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({
    overrideEnvVars: environment,
  });
  const connection = await Connection.connect({ ...connectionOptions, connectTimeout: answeredWithinMs });
  try {
    return await connection.withDeadline(Date.now() + answeredWithinMs, async () => {
      const { serverMs } = await readServerClock(connection, { namespace, nowMs: Date.now });
      const queues = await readPolledQueues(connection, { namespace });
      const ofHost = `bankfeeds@${host}:`;
      return queues
        .filter((queue) => !currentPollers(queue, serverMs).some((identity) => identity.startsWith(ofHost)))
        .map(({ taskQueue }) => taskQueue);
    });
  } finally {
    await connection.close();
  }
}
