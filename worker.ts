import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from './src/activities/channels.js';
import type { SageBankingParts } from './src/activities/sage-banking/deps.js';
import { createActivityInterceptors } from './src/activities/interceptor.js';
import { keepSetup } from './src/activities/setup/keep-setup.js';
import { createRutterClient } from './src/clients/rutter/client.js';
import { candidatesRefreshMs, organisationLimitOf } from './src/clients/sage-banking/assumptions.js';
import { createSageBankingClient } from './src/clients/sage-banking/create-client.js';
import {
  configOrExit,
  configurationExitCode,
  readTemporalEnvironment,
  readWorkerConfig,
  type WorkerConfig,
} from './src/config.js';
import { parseKeyring } from './src/crypto/keyring.js';
import { createPool } from './src/db/pool.js';
import { createRateLimiter } from './src/db/rate-limiter.js';
import { readDatabaseRefusal } from './src/db/unavailable.js';
import { taskQueues } from './src/domain/ids.js';
import { backoffMs } from './src/domain/schedule.js';
import { createLog } from './src/logger.js';
import { createDataConverter } from './src/temporal/data-converter.js';
import { createFacade, type Facade } from './src/temporal/channels.js';
import { ensureSchedules } from './src/temporal/schedules.js';
import { registerSearchAttributes } from './src/temporal/search-attributes.js';
import { createTemporalSetup, setupPartNames } from './src/temporal/setup.js';
import { workerOptions } from './src/temporal/worker-options.js';

/** Statements are short: this many connections serve all delivery runs of a process. */
const databaseConnectionsMax = 20;
const connectRetry = { firstMs: 250, maxMs: 5_000 };
const pinoLevels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
const bundlePath = fileURLToPath(new URL('dist/workflow-bundle.js', import.meta.url));

const config = configOrExit(readWorkerConfig);
const keys = parseKeyring(config.ENCRYPTION_KEYS);
if (!keys.ok) fail(`ENCRYPTION_KEYS: ${keys.problems.join('; ')}`);
if (!existsSync(bundlePath)) fail(`the workflow bundle ${bundlePath} is missing: run "npm run bundle" first`);
const { logger } = createLog(config.LOG_LEVEL, 'worker');
// The SDK's log lines go through our own logger: one redaction and one format for all. Signals are handled below, so
// that delivery runs are asked to stop before the grace period begins.
Runtime.install({
  logger: new DefaultLogger(logger.isLevelEnabled('debug') ? 'DEBUG' : 'INFO', (entry) => {
    logger[pinoLevels[entry.level]]({ ...entry.meta }, entry.message);
  }),
  // The native part writes to the console otherwise, and would wait for a reader that does not read.
  telemetryOptions: { logging: { forward: {} } },
  shutdownSignals: [],
});

const stopping = new AbortController();
const workers: Worker[] = [];
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    logger.info({ signal }, 'worker stopping');
    stopping.abort();
    for (const worker of workers) worker.shutdown();
  });
}

const temporal = loadClientConnectConfig({ overrideEnvVars: configOrExit(readTemporalEnvironment) });
const namespace = temporal.namespace ?? 'default';
const dataConverter = createDataConverter(keys.keyring);
const connection = await connectWithRetry('temporal', () =>
  NativeConnection.connect(temporal.connectionOptions),
);
const clientConnection = await connectWithRetry('temporal', () =>
  Connection.connect(temporal.connectionOptions),
);
const { registered } = await connectWithRetry('search attributes', () =>
  registerSearchAttributes({ connection: clientConnection, namespace }),
);
const client = new Client({ connection: clientConnection, namespace, dataConverter });
const schedules = await connectWithRetry('schedules', () => ensureSchedules(client));
const pool = createPool(config.DATABASE_URL, databaseConnectionsMax, (error) => {
  logger.warn({ error: error.message }, 'database connection lost');
});
void readDatabaseRefusal(pool).then((refusal) => {
  if (refusal !== null) fail(refusal);
});
const facade = createFacade(client);
const activities = createActivities({
  pool,
  keyring: keys.keyring,
  rutter: createRutterClient({
    baseUrl: config.RUTTER_API_URL,
    clientId: config.RUTTER_CLIENT_ID,
    clientSecret: config.RUTTER_CLIENT_SECRET,
    version: config.RUTTER_VERSION,
    limiter: createRateLimiter({ pool, name: 'rutter' }),
  }),
  workflows: facade,
  sage: sageBankingParts(config, facade),
  settings: {
    rutterPlatform: config.RUTTER_PLATFORM,
    redirectOrigins: config.RUTTER_REDIRECT_ORIGINS,
    handoffOtpLatestMs: config.HANDOFF_OTP_LATEST,
    connectionMode: config.RUTTER_CONNECTION_MODE,
    publishConcurrency: config.RUTTER_PUBLISH_CONCURRENCY,
    feedSyncIntervalMs: config.FEED_SYNC_INTERVAL,
    bankTimeZone: config.BANK_TIME_ZONE ?? null,
    feedActivationPollMinMs: config.FEED_ACTIVATION_POLL_MIN,
    feedActivationPollMaxMs: config.FEED_ACTIVATION_POLL_MAX,
    accountFacts: config.RUTTER_ACCOUNT_FACTS,
    startDateFromOpenedOn: config.RUTTER_START_DATE_FROM_OPENED_ON,
  },
  wait: (waitMs, signal) => sleep(waitMs, undefined, { signal }),
  stopping: stopping.signal,
});

const shared = { connection, namespace, dataConverter };
const interceptors = { activity: [createActivityInterceptors] };
workers.push(
  await Worker.create({
    ...shared,
    ...workerOptions.workflows,
    taskQueue: taskQueues.workflows,
    workflowBundle: { codePath: bundlePath },
  }),
  await Worker.create({
    ...shared,
    ...workerOptions.interactive,
    taskQueue: taskQueues.interactive,
    activities,
    interceptors,
  }),
  await Worker.create({
    ...shared,
    ...workerOptions.deliver,
    taskQueue: taskQueues.deliver,
    activities,
    interceptors,
  }),
);
if (stopping.signal.aborted) for (const worker of workers) worker.shutdown();
logger.info({ namespace }, 'worker running');
const setup = createTemporalSetup({ client, connection: clientConnection, namespace });
const setupKept = keepSetup({
  pool,
  setup,
  logger,
  stopping: stopping.signal,
  restoredAtStart: setupPartNames({ registered, ...schedules }),
});
try {
  await Promise.all(workers.map((worker) => worker.run()));
} finally {
  stopping.abort();
  await setupKept;
  await Promise.allSettled([connection.close(), clientConnection.close(), pool.end()]);
}
logger.info('worker stopped');

/** Null without `SAGE_BANKING_URL`: then the channel is not configured. */
function sageBankingParts(config: WorkerConfig, facade: Facade): SageBankingParts | null {
  const { SAGE_BANKING_URL: bankingUrl, SAGE_APPLICATION_ID: applicationId } = config;
  if (bankingUrl === undefined || applicationId === undefined) return null;
  return {
    client: createSageBankingClient({
      bankingUrl,
      authUrl: config.SAGE_AUTH_URL,
      tokenServiceUrl: config.SAGE_TOKEN_SERVICE_URL ?? bankingUrl,
      linkOrigins: config.SAGE_LINK_ORIGINS ?? [bankingUrl],
      applicationId,
      signingKey: config.SAGE_SIGNING_KEY,
      provider: config.SAGE_PROVIDER,
    }),
    workflows: facade,
    settings: {
      statusPollMinMs: config.SAGE_STATUS_POLL_MIN,
      statusPollMaxMs: config.SAGE_STATUS_POLL_MAX,
      organisationLimit: organisationLimitOf(bankingUrl),
      candidatesRefreshMs,
      organisationRoute: config.SAGE_ORGANISATION_ROUTE,
    },
  };
}

/** Start order does not matter: retries until the part is reachable or the process is asked to stop. */
async function connectWithRetry<T>(part: string, connect: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await connect();
    } catch (error) {
      if (error instanceof Error && error.name === 'SearchAttributeTypeMismatch') fail(error.message);
      const waitMs = backoffMs({ tries, ...connectRetry });
      logger.warn(
        { part, waitMs, error: error instanceof Error ? error.message : 'unknown' },
        'waiting for a part',
      );
      await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => process.exit(0));
    }
  }
}

function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(configurationExitCode);
}
