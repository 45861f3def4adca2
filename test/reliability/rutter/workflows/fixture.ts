import type { Client as TemporalClient } from '@temporalio/client';
import { Client } from '@temporalio/client';
import { MockActivityEnvironment, type TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { Context } from '@temporalio/activity';
import { askControl } from '../../../../sandbox/stand-in/ask-control.js';
import { startRutterSandbox, type RunningSandbox } from '../../../../sandbox/rutter/server.js';
import type { ActivityDeps } from '../../../../src/activities/channels.js';
import { createActivities } from '../../../../src/activities/channels.js';
import { createActivityInterceptors } from '../../../../src/activities/interceptor.js';
import { createRutterClient } from '../../../../src/clients/rutter/client.js';
import { createKeyEntry, parseKeyring, type Keyring } from '../../../../src/crypto/keyring.js';
import type { Pool } from '../../../../src/db/pool.js';
import { taskQueues } from '../../../../src/domain/ids.js';
import { createDataConverter } from '../../../../src/temporal/data-converter.js';
import { createFacade } from '../../../../src/temporal/channels.js';
import { workerOptions } from '../../../../src/temporal/worker-options.js';
import { createMovableDatabase } from '../../database-clock.js';
import type { Traffic } from '../traffic.js';
import {
  RunningAttempts,
  createSimulationServer,
  withRetries,
  skipTime,
  type SimulationFacade,
} from '../../temporal-server.js';
import { runAttempt, type InjectedFailure } from '../../attempt-failures.js';
import { createSimulationClock, moveClockSql, type SimulationClock } from '../../simulation-clock.js';

/*
 * What many runs share: one time-skipping server, one set of workers with the real workflows and activities, one
 * PostgreSQL database, one Rutter sandbox over HTTP. Each run has its own customers, connections and feeds.
 */

const credentials = { clientId: 'rc_simulation', clientSecret: 'rs_simulation_secret' };
/** A request that hangs costs this much real time; an honest answer takes a few milliseconds. */
const requestTimeoutMs = 1_000;
const databaseConnectionsMax = 20;
/** Heartbeats and lease renewals happen every 3 s, as in production; only waits pass at once. */
const simulationKnobs = { jobRunMs: 0, preferSyncWindowMs: 20, rateLimit: false, webhookDelayMs: 0 } as const;

/** Decides before each attempt of the current run which failure it meets, and records what happens. */
export interface AttemptMonitor {
  attemptStarted(input: AttemptSubject): InjectedFailure | undefined;
  attemptEnded(input: AttemptSubject & { ok: boolean }): void;
  /** Feeds that have a delivery run now. */
  feedsWithDeliveryRun(): readonly string[];
  /** Records the requests to Rutter. */
  readonly traffic: Traffic;
}

/** A delivery run or a request of a feed, or a check of a connection. */
export interface AttemptSubject {
  readonly activity: 'delivery_run' | 'connection_check' | 'request';
  readonly id: string;
}

export interface WorkflowFixture {
  readonly env: TestWorkflowEnvironment;
  readonly client: TemporalClient;
  readonly facade: SimulationFacade;
  readonly clock: SimulationClock;
  readonly pool: Pool;
  readonly deps: ActivityDeps;
  readonly control: (method: string, path: string, body?: unknown) => Promise<Record<string, unknown>>;
  /** Lets time pass on the server, with everything that falls due in it; the other parts follow. */
  readonly sleep: (ms: number) => Promise<void>;
  /** One run of the repair job, which finds lost signals. This server has no Schedules, so tests run it. */
  readonly repair: () => Promise<void>;
  readonly monitor: (monitor: AttemptMonitor | null) => void;
  readonly close: () => Promise<void>;
}

export async function createWorkflowFixture(bundle: WorkflowBundle): Promise<WorkflowFixture> {
  const keys = parseKeyring(createKeyEntry('simulation'));
  if (!keys.ok) throw new Error('no keyring');
  const flaw = new AbortController();
  const runningAttempts = new RunningAttempts();
  const [env, sandbox, { pool, drop }] = await Promise.all([
    createSimulationServer(flaw),
    startRutterSandbox({ port: 0, ...credentials, knobs: simulationKnobs }),
    createMovableDatabase(databaseConnectionsMax),
  ]);
  const control = controlOf(sandbox);
  let monitoring: AttemptMonitor | null = null;
  const clock = createSimulationClock(async (offsetMs) => {
    await pool.query(moveClockSql, [offsetMs, monitoring?.feedsWithDeliveryRun() ?? []]);
    await control('POST', '/clock', { set: new Date(Date.now() + offsetMs).toISOString() });
  });
  const client = new Client({
    connection: env.connection,
    dataConverter: createDataConverter(keys.keyring),
  });
  const facade = withRetries(createFacade(client));
  const watchedFetch: typeof fetch = (...args) =>
    (monitoring === null ? fetch : monitoring.traffic.monitor(fetch))(...args);
  const deps = depsOf({ pool, keyring: keys.keyring, sandbox, facade, clock, fetch: watchedFetch });
  const workers = await createWorkers({
    env,
    bundle,
    deps,
    clock,
    runningAttempts,
    monitor: () => monitoring,
  });
  const running = workers.map((worker) => worker.run());
  return {
    env,
    client,
    facade,
    clock,
    pool,
    deps,
    control,
    sleep: async (ms) => {
      await skipTime(env, { ms, flaw: flaw.signal, runningAttempts });
      await clock.reach(await env.currentTimeMs());
    },
    repair: async () => {
      const environment = new MockActivityEnvironment();
      await environment.run(() => createActivities(deps).temporalWakeFeeds());
    },
    monitor: (monitor) => {
      monitoring = monitor;
    },
    close: async () => {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
      await env.teardown();
      await sandbox.close();
      await drop();
    },
  };
}

function depsOf(input: {
  pool: Pool;
  keyring: Keyring;
  sandbox: RunningSandbox;
  facade: SimulationFacade;
  clock: SimulationClock;
  fetch: typeof fetch;
}): ActivityDeps {
  const { pool, keyring, sandbox, facade, clock } = input;
  return {
    pool,
    keyring,
    workflows: facade,
    rutter: createRutterClient({
      ...credentials,
      baseUrl: sandbox.apiUrl,
      fetch: input.fetch,
      version: '2024-08-31',
      // The limiter waits in real time and has its own tests.
      limiter: { acquire: () => Promise.resolve(), slowDown: () => Promise.resolve() },
      timeouts: { postTransactionsMs: requestTimeoutMs, otherMs: requestTimeoutMs },
    }),
    settings: {
      rutterPlatform: 'SAGE_BANK_FEEDS',
      redirectOrigins: [sandbox.url],
      connectionMode: 'api',
      publishConcurrency: 4,
      handoffOtpLatestMs: 570_000,
      feedSyncIntervalMs: 86_400_000,
      bankTimeZone: null,
      feedActivationPollMinMs: 2_000,
      feedActivationPollMaxMs: 900_000,
      accountFacts: 'all',
      startDateFromOpenedOn: false,
    },
    wait: async (waitMs, signal) => {
      signal.throwIfAborted();
      await clock.advance(waitMs);
      signal.throwIfAborted();
    },
    sage: null,
    stopping: new AbortController().signal,
  };
}

function controlOf({ url }: RunningSandbox): WorkflowFixture['control'] {
  return (method, path, body) => askControl({ url, method, path, body });
}

interface WorkersInput {
  env: TestWorkflowEnvironment;
  bundle: WorkflowBundle;
  deps: ActivityDeps;
  clock: SimulationClock;
  runningAttempts: RunningAttempts;
  monitor: () => AttemptMonitor | null;
}

function createWorkers(input: WorkersInput): Promise<Worker[]> {
  const { env, bundle, deps } = input;
  const activities = activitiesOf(input);
  const shared = {
    connection: env.nativeConnection,
    namespace: 'default',
    dataConverter: createDataConverter(deps.keyring),
  };
  const interceptors = { activity: [createActivityInterceptors] };
  return Promise.all([
    Worker.create({
      ...shared,
      ...workerOptions.workflows,
      taskQueue: taskQueues.workflows,
      workflowBundle: bundle,
    }),
    Worker.create({
      ...shared,
      ...workerOptions.interactive,
      taskQueue: taskQueues.interactive,
      activities,
      interceptors,
    }),
    Worker.create({
      ...shared,
      ...workerOptions.deliver,
      taskQueue: taskQueues.deliver,
      activities,
      interceptors,
    }),
  ]);
}

/** The real activities; before each attempt the clocks are set, and the monitor gives its failure. */
function activitiesOf({ deps, clock, runningAttempts, monitor }: WorkersInput) {
  const attempt = async <T>(
    subject: AttemptSubject,
    work: (activities: ReturnType<typeof createActivities>) => Promise<T>,
  ): Promise<T> => {
    await clock.reach(Context.current().info.currentAttemptScheduledTimestampMs);
    const failure = monitor()?.attemptStarted(subject);
    let ok = false;
    try {
      const result = await runningAttempts.track(`${subject.activity} ${subject.id}`, () =>
        runAttempt(deps, failure, (own) => work(createActivities(own))),
      );
      ok = true;
      return result;
    } finally {
      monitor()?.attemptEnded({ ...subject, ok });
    }
  };
  type Activities = ReturnType<typeof createActivities>;
  const rutterRunDelivery: Activities['rutterRunDelivery'] = (input) =>
    attempt({ activity: 'delivery_run', id: input.feedId }, (own) => own.rutterRunDelivery(input));
  const rutterReadConnection: Activities['rutterReadConnection'] = (input) =>
    attempt({ activity: 'connection_check', id: input.connectionId }, (own) =>
      own.rutterReadConnection(input),
    );
  const dbApplyFeedRequest: Activities['dbApplyFeedRequest'] = (input) =>
    attempt({ activity: 'request', id: input.feedId }, (own) => own.dbApplyFeedRequest(input));
  return { rutterRunDelivery, rutterReadConnection, dbApplyFeedRequest };
}
