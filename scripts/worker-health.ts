// The health check of a worker's container: ends with 1 unless a worker of this host polls every task queue.
import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { configOrExit, readTemporalEnvironment } from '../src/config.js';
import { currentPollers, readPolledQueues } from '../src/temporal/pollers.js';
import { readServerClock } from '../src/temporal/server-clock.js';

const answeredWithinMs = 8_000;

try {
  const missing = await queuesNotPolled(hostname());
  if (missing.length > 0) fail(`no worker of this host polls ${missing.join(', ')}`);
} catch (error) {
  fail(`Temporal does not say who polls: ${error instanceof Error ? error.message : String(error)}`);
}

function fail(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = 1;
}

/**
 * The task queues that no worker on this host has polled lately, as reported by Temporal and by its clock; empty if the
 * worker is healthy. For the health check of a worker's container, which is a separate host.
 *
 * @throws the Temporal client's error if Temporal does not answer
 */
async function queuesNotPolled(host: string): Promise<string[]> {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({
    overrideEnvVars: configOrExit(readTemporalEnvironment),
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
