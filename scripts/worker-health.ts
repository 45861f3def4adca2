// The health check of a worker's container: ends with 1, and says why, unless a worker of this host can do its work: the
// database can be written and has the schema, the namespace can be used, and the worker polls every task queue.
import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { configOrExit, readMigrateConfig, readTemporalEnvironment } from '../src/config.js';
import { readDatabaseStateCause } from '../src/db/database-state.js';
import { createPool } from '../src/db/pool.js';
import { causeSentence } from '../src/domain/degraded.js';
import { readTemporalCause } from '../src/temporal/cause.js';
import { currentPollers, readPolledQueues } from '../src/temporal/pollers.js';
import { readServerClock } from '../src/temporal/server-clock.js';

const answeredWithinMs = 8_000;

const config = configOrExit(readMigrateConfig);
const environment = configOrExit(readTemporalEnvironment);
const problems = (await Promise.all([databaseProblems(), temporalProblems(hostname())])).flat();
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exit(problems.length === 0 ? 0 : 1);

async function databaseProblems(): Promise<string[]> {
  const pool = createPool(config.DATABASE_URL, 1, () => undefined);
  const cause = await readDatabaseStateCause(pool);
  return cause === null ? [] : [`database: ${causeSentence(cause)}`];
}

async function temporalProblems(host: string): Promise<string[]> {
  try {
    const missing = await queuesNotPolled(host);
    return missing.length === 0 ? [] : [`no worker of this host polls ${missing.join(', ')}`];
  } catch (error) {
    return [`temporal: ${causeSentence(readTemporalCause(error))}`];
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
