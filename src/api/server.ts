import { hostname } from 'node:os';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { verifyRutterSignature } from '../clients/rutter/webhook-signature.js';
import { configOrExit, configurationExitCode, readApiConfig, readTemporalEnvironment } from '../config.js';
import { parseKeyring } from '../crypto/keyring.js';
import { createPasswordHasher } from '../crypto/password.js';
import { dbChannels } from '../db/channels.js';
import { createPool } from '../db/pool.js';
import { startClockWatch } from '../db/clock-watch.js';
import { readDatabaseRefusal } from '../db/unavailable.js';
import { createAvailability, type PartName } from '../domain/availability.js';
import { createLog } from '../logger.js';
import { availabilityLog } from '../logger-availability.js';
import { createPagesChannels } from '../pages/channels.js';
import { createPages } from '../pages/index.js';
import { listenForStop, onStop } from '../process/stop-request.js';
import { createTemporalClient } from '../temporal/client.js';
import { createDataConverter } from '../temporal/data-converter.js';
import { createFacade } from '../temporal/channels.js';
import { createApp } from './app.js';
import { createApiChannels } from './channels.js';
import { startHousekeeping } from './housekeeping.js';
import { startServiceWatch } from './service-watch.js';
import { listen, type Listening } from './listen.js';

/**
 * The API process: configuration, parts, listen; and on SIGTERM or SIGINT all of it in reverse. It starts whether or
 * not PostgreSQL and Temporal answer: /readyz shows it, and calls answer 503 until they do.
 */

/** Statements are short; a chunk of postings takes about 20 ms. */
const databaseConnectionsMax = 20;
/** A hash takes a core for about 25 ms and 19 MiB; callers beyond the queue are asked to retry. */
const hashing = { concurrencyMax: 2, queueMax: 64 } as const;
/** Wake-ups that are not sent by then are left to the feed's own next check; connections end with the process. */
const finishMaxMs = 5_000;

const stopping = listenForStop();
const config = configOrExit(readApiConfig);
const keys = parseKeyring(config.ENCRYPTION_KEYS);
if (!keys.ok) fail(`ENCRYPTION_KEYS: ${keys.problems.join('; ')}`, configurationExitCode);
const { logger, state: readLogState } = createLog(config.LOG_LEVEL, 'api');
const watch = (part: PartName) =>
  createAvailability({ part, reporter: availabilityLog(logger), nowMs: Date.now });
const availability = { database: watch('database'), temporal: watch('temporal') };
const pool = createPool(
  config.DATABASE_URL,
  databaseConnectionsMax,
  (error) => {
    logger.warn({ error: error.message }, 'database connection lost');
  },
  availability.database,
);
const environment = loadClientConnectConfig({ overrideEnvVars: configOrExit(readTemporalEnvironment) });
const temporal = createTemporalClient({
  connection: environment.connectionOptions,
  namespace: environment.namespace,
  dataConverter: createDataConverter(keys.keyring),
  identity: `api@${String(process.pid)}`,
});
const facade = createFacade(temporal.client, availability.temporal);
const serviceWatch = startServiceWatch({ pool, facade, logger });
const sageBanking = config.SAGE_BANKING_URL === undefined ? null : { facade };
const clocks = startClockWatch({ pool, self: `api@${hostname()}`, others: [], logger });
const parts = {
  pool,
  config,
  logger,
  keyring: keys.keyring,
  facade,
  hasher: createPasswordHasher(hashing),
  nowMs: clocks.nowMs,
};
const webhookSecrets = config.RUTTER_WEBHOOK_SECRETS ?? [config.RUTTER_CLIENT_SECRET];
const { app, drained } = createApp({
  ...parts,
  readLogState,
  availability: Object.values(availability),
  readDegraded: () => serviceWatch.readDegraded(),
  channels: createApiChannels({
    rutter: {
      facade,
      verifyWebhook: ({ rawBody, header }) =>
        verifyRutterSignature({ rawBody, header, secrets: webhookSecrets }),
    },
    sageBanking,
  }),
  pages: createPages({
    ...parts,
    channels: createPagesChannels({
      rutter: { facade },
      sageBanking,
    }),
  }),
});
const stopHousekeeping = startHousekeeping({ pool, channels: dbChannels, logger });
// Without waiting for an answer: the process starts whether or not PostgreSQL is there.
void readDatabaseRefusal(pool).then((refusal) => {
  if (refusal !== null) fail(refusal, configurationExitCode);
});
const server = await listen({ app, port: config.PORT }).catch((error: unknown) => portTaken(error));
logger.info({ port: server.port, publicUrl: config.publicUrl }, 'listening');
onStop(stopping, (signal) => void stop(signal, server));

/** Stop accepting, drain, close the client, close the pool. */
async function stop(signal: string, listening: Listening): Promise<void> {
  logger.info({ signal }, 'api stopping');
  stopHousekeeping();
  clocks.stop();
  await Promise.all([listening.close(), serviceWatch.stop()]);
  // Temporal last: a call that its caller has given up may still be tried again, which a closed connection does not survive.
  const finished = drained()
    .then(() => Promise.allSettled([pool.end()]))
    .then(() => temporal.close())
    .catch(() => undefined);
  await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, finishMaxMs).unref())]);
  logger.info('api stopped');
  process.exit(0);
}

function portTaken(error: unknown): never {
  const code = (error as { code?: unknown }).code;
  const port = String(config.PORT);
  if (code === 'EADDRINUSE')
    fail(`Port ${port} is in use: stop what listens there, or set PORT to another.`, 1);
  if (code === 'EACCES') fail(`Port ${port} needs more rights: set PORT to 1024 or above.`, 1);
  throw error;
}

function fail(sentence: string, exitCode: number): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(exitCode);
}
