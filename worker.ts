import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { activityChannels, createActivities, type ActivityDeps } from './src/activities/channels.js';
import type { SageBankingParts } from './src/activities/sage-banking/deps.js';
import { createActivityInterceptors } from './src/activities/interceptor.js';
import { describeWorker } from './src/activities/setup/describe-worker.js';
import { createSetupKeeper } from './src/activities/setup/keep-setup.js';
import { repairAfterRestore } from './src/activities/setup/repair-after-restore.js';
import { createClockedFetch } from './src/clients/http/clocked-fetch.js';
import { observedFetch } from './src/clients/http/observed-fetch.js';
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
import { dbChannels } from './src/db/channels.js';
import { explainUnavailable } from './src/db/explain-unavailable.js';
import { createPool } from './src/db/pool.js';
import { providerClock, startClockWatch, type ClockWatch } from './src/db/clock-watch.js';
import { createRateLimiter } from './src/db/rate-limiter.js';
import { requireSchema, SchemaNotMigrated } from './src/db/schema-version.js';
import { DatabaseRefused } from './src/db/session-settings.js';
import { createAvailability, type PartName } from './src/domain/availability.js';
import { taskQueues } from './src/domain/ids.js';
import { createLog } from './src/logger.js';
import { availabilityLog } from './src/logger-availability.js';
import { listenForStop, onStop } from './src/process/stop-request.js';
import { waitForPart } from './src/process/wait-for-part.js';
import { isTemporalUnavailable } from './src/temporal/calls.js';
import { readBundleProblem } from './src/temporal/bundle-stamp.js';
import { createDataConverter } from './src/temporal/data-converter.js';
import { createFacade, type Facade } from './src/temporal/channels.js';
import { explainTemporalMissing } from './src/temporal/explain-missing.js';
import { ensureSchedules } from './src/temporal/schedules.js';
import { registerSearchAttributes, SearchAttributeTypeMismatch } from './src/temporal/search-attributes.js';
import { createTemporalSetup, setupPartNames } from './src/temporal/setup.js';
import { readServerClock } from './src/temporal/server-clock.js';
import { workerIdentity, workerOptions } from './src/temporal/worker-options.js';

/** Statements are short: this many connections serve all delivery runs of a process. */
const databaseConnectionsMax = 20;
/** What is not closed by then is left to the end of the process. */
const closeMaxMs = 5_000;
const pinoLevels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
const bundlePath = fileURLToPath(new URL('dist/workflow-bundle.js', import.meta.url));

const stopping = listenForStop();
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

const temporal = loadClientConnectConfig({ overrideEnvVars: configOrExit(readTemporalEnvironment) });
const namespace = temporal.namespace ?? 'default';
const dataConverter = createDataConverter(keys.keyring);
const connection = await waitForTemporal(() => NativeConnection.connect(temporal.connectionOptions));
const clientConnection = await waitForTemporal(() => Connection.connect(temporal.connectionOptions));
const client = new Client({ connection: clientConnection, namespace, dataConverter });
const { registered } = await waitForTemporal(() =>
  registerSearchAttributes({ connection: clientConnection, namespace }),
);
const schedules = await waitForTemporal(() => ensureSchedules(client));
const watch = (part: PartName) =>
  createAvailability({ part, reporter: availabilityLog(logger), nowMs: Date.now });
const availability = {
  database: watch('database'),
  temporal: watch('temporal'),
  rutter: watch('rutter'),
  'sage-banking': watch('sage-banking'),
};
const pool = createPool(
  config.DATABASE_URL,
  databaseConnectionsMax,
  (error) => {
    logger.warn({ error: error.message }, 'database connection lost');
  },
  availability.database,
);
await waitForDatabase();
const facade = createFacade(client, availability.temporal);
// Read by a clock that goes on when somebody sets the wall clock.
const providerFetch = {
  rutter: createClockedFetch(() => performance.now()),
  'sage-banking': createClockedFetch(() => performance.now()),
};
const deps: ActivityDeps = {
  pool,
  keyring: keys.keyring,
  rutter: createRutterClient({
    baseUrl: config.RUTTER_API_URL,
    clientId: config.RUTTER_CLIENT_ID,
    clientSecret: config.RUTTER_CLIENT_SECRET,
    version: config.RUTTER_VERSION,
    limiter: createRateLimiter({ pool, name: 'rutter' }),
    fetch: observedFetch(providerFetch.rutter.fetch, availability.rutter),
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
  stopping,
};
const activities = createActivities(deps);

const shared = { connection, namespace, dataConverter };
const interceptors = { activity: [createActivityInterceptors] };
const workers = [
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
];
onStop(stopping, (signal) => {
  logger.info({ signal }, 'worker stopping');
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
});
if (!stopping.aborted) await runUntilStopped();
await Promise.race([
  Promise.allSettled([connection.close(), clientConnection.close(), pool.end()]),
  sleep(closeMaxMs, undefined, { ref: false }),
]);
logger.info('worker stopped');
process.exit(0);

async function runUntilStopped(): Promise<void> {
  const setupKeeper = createSetupKeeper({
    pool,
    setup: createTemporalSetup({ client, connection: clientConnection, namespace }),
    logger,
    stopping,
    restoredAtStart: setupPartNames({ registered, ...schedules }),
    repairRestore: (lost) =>
      repairAfterRestore<ActivityDeps>(deps, {
        channels: activityChannels,
        dbChannels,
        restore: facade,
        lost,
      }),
    isTemporalUnavailable,
  });
  // Before anything is sent: after a restore of the database an operator's decision may be lost.
  await setupKeeper.begin();
  if (stopping.aborted) return;
  const clocks = watchClocks();
  const running = Promise.all(workers.map((worker) => worker.run()));
  logger.info({ namespace }, 'worker running');
  void setupKeeper.keep();
  const described = describe();
  await running;
  clocks.stop();
  await described;
}

async function describe(): Promise<void> {
  const bundleProblem = await readBundleProblem(bundlePath);
  if (bundleProblem !== null) logger.error({ problem: bundleProblem }, 'workflow bundle is old');
  await describeWorker({
    pool,
    workerId: `${workerIdentity} ${new Date().toISOString()}`,
    version: readVersion(),
    bundleProblem,
    availability: Object.values(availability),
    stopping,
  });
}

function watchClocks(): ClockWatch {
  return startClockWatch({
    pool,
    self: `worker@${hostname()}`,
    logger,
    others: [
      {
        part: 'temporal',
        resolutionMs: 1,
        read: (nowMs) => readServerClock(clientConnection, { namespace, nowMs }),
      },
      ...Object.entries(providerFetch).map(([part, { lastReading }]) => providerClock(part, lastReading)),
    ],
  });
}

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
      fetch: observedFetch(providerFetch['sage-banking'].fetch, availability['sage-banking']),
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

/** Start order does not matter: waits until Temporal, with our namespace, answers. */
function waitForTemporal<Result>(attempt: () => Promise<Result>): Promise<Result> {
  const explain = (error: unknown): string | null => explainTemporalMissing(error, namespace);
  return waitForPart({ part: 'Temporal', attempt, explain, logger, stopping }).catch(endWait);
}

/** Without the schema of this version every activity would fail. */
function waitForDatabase(): Promise<void> {
  const explain = (error: unknown): string | null =>
    error instanceof SchemaNotMigrated ? error.message : explainUnavailable(error);
  const attempt = (): Promise<void> => requireSchema(pool);
  return waitForPart({ part: 'PostgreSQL', attempt, explain, logger, stopping }).catch(endWait);
}

function endWait(error: unknown): never {
  if (stopping.aborted) {
    logger.info('worker stopped');
    process.exit(0);
  }
  if (error instanceof SearchAttributeTypeMismatch || error instanceof DatabaseRefused) fail(error.message);
  throw error;
}

function readVersion(): string {
  return (createRequire(import.meta.url)('./package.json') as { version: string }).version;
}

function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(configurationExitCode);
}
