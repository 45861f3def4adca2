import { Context } from '@temporalio/activity';
import { Client } from '@temporalio/client';
import { MockActivityEnvironment, type TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { askControl } from '../../../sandbox/stand-in/ask-control.js';
import { startSageBankingSandbox } from '../../../sandbox/sage-banking/server.js';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import type { SageBankingParts } from '../../../src/activities/sage-banking/deps.js';
import { createActivities } from '../../../src/activities/channels.js';
import { createActivityInterceptors } from '../../../src/activities/interceptor.js';
import { createRutterClient } from '../../../src/clients/rutter/client.js';
import { createSageBankingClient } from '../../../src/clients/sage-banking/create-client.js';
import { createKeyEntry, parseKeyring, type Keyring } from '../../../src/crypto/keyring.js';
import type { Pool } from '../../../src/db/pool.js';
import { sageBankAccountWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { createDataConverter } from '../../../src/temporal/data-converter.js';
import { createFacade } from '../../../src/temporal/channels.js';
import type {
  SageBankingFacade,
  SageBankingMissingWorkflows,
} from '../../../src/temporal/sage-banking/facade.js';
import { workerOptions } from '../../../src/temporal/worker-options.js';
import { createMovableDatabase } from '../database-clock.js';
import type { RunMonitor } from './monitor.js';
import { runAttempt } from '../attempt-failures.js';
import { createSimulationClock, moveClockSql, type SimulationClock } from '../simulation-clock.js';
import { RunningAttempts, createSimulationServer, skipTime } from '../temporal-server.js';

/*
 * What many runs share: one time-skipping server, workers with the real workflows and activities, one PostgreSQL
 * database, one sandbox of Sage's Banking Service over HTTP. Each run has its own customers.
 */

const application = { id: 'Sage.UK.Ledger', signingKey: 'sk_simulation_signing_key_7c1f', desktop: true };
/** A request that hangs costs this much real time; an honest answer takes a few milliseconds. */
const requestTimeoutMs = 1_500;
const databaseConnectionsMax = 20;

export const statusPolling = { statusPollMinMs: 60_000, statusPollMaxMs: 900_000 } as const;

export interface SageBankingFixture {
  readonly client: Client;
  readonly facade: Pick<ReturnType<typeof createFacade>, 'runCommand'>;
  readonly sage: SageBankingFacade;
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly clock: SimulationClock;
  /** Calls a control endpoint of the sandbox, below `/_sandbox`. @throws Error when it is refused */
  // oxlint-disable-next-line typescript/no-explicit-any -- every answer has another shape: a wrong access fails the run there
  readonly control: (method: string, path: string, body?: unknown) => Promise<any>;
  /** Lets time pass on the server, with everything that falls due in it; the other parts follow. */
  readonly sleep: (ms: number) => Promise<void>;
  /** One run of the repair job, which finds lost starts. This server has no Schedules, so tests run it. */
  readonly repair: () => Promise<void>;
  readonly monitor: (monitor: RunMonitor | null) => void;
  readonly close: () => Promise<void>;
}

export async function createSageBankingFixture(bundle: WorkflowBundle): Promise<SageBankingFixture> {
  const keys = parseKeyring(createKeyEntry('simulation'));
  if (!keys.ok) throw new Error('no keyring');
  const { keyring } = keys;
  const flaw = new AbortController();
  const runningAttempts = new RunningAttempts();
  const [env, sandbox, { pool, drop }] = await Promise.all([
    createSimulationServer(flaw),
    startSageBankingSandbox({ applications: [application] }),
    createMovableDatabase(databaseConnectionsMax),
  ]);
  const control = (method: string, path: string, body?: unknown) =>
    askControl({ url: sandbox.url, method, path, body });
  let monitoring: RunMonitor | null = null;
  const clock = createSimulationClock(async (offsetMs) => {
    await pool.query(moveClockSql, [offsetMs, []]);
    await control('POST', '/clock', { set: new Date(Date.now() + offsetMs).toISOString() });
  });
  const client = new Client({ connection: env.connection, dataConverter: createDataConverter(keyring) });
  const facade = createFacade(client);
  const channel: SageBankingParts = {
    client: createSageBankingClient({
      bankingUrl: sandbox.url,
      authUrl: sandbox.url,
      tokenServiceUrl: sandbox.url,
      linkOrigins: [sandbox.url],
      applicationId: application.id,
      signingKey: application.signingKey,
      provider: 'simulation.provider',
      timeoutMs: requestTimeoutMs,
      nowMs: () => clock.nowMs(),
      fetch: (...args) => (monitoring === null ? fetch : monitoring.fetch)(...args),
    }),
    workflows: facade,
    settings: {
      ...statusPolling,
      organisationLimit: null,
      candidatesRefreshMs: 100,
      organisationRoute: 'banking_service',
    },
  };
  const deps = depsOf({ pool, keyring, facade, channel, clock });
  const repairDeps = {
    ...deps,
    sage: { ...channel, workflows: { ...facade, missingAccounts: missingOf(client) } },
  };
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
    client,
    facade,
    sage: facade,
    pool,
    keyring,
    clock,
    control,
    sleep: async (ms) => {
      await skipTime(env, { ms, flaw: flaw.signal, runningAttempts });
      await clock.reach(await env.currentTimeMs());
    },
    repair: async () => {
      await new MockActivityEnvironment().run(() =>
        createActivities(repairDeps).temporalRestartSageWorkflows(),
      );
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

/** This server cannot list workflows, so each one is described. */
function missingOf(client: Client): SageBankingMissingWorkflows['missingAccounts'] {
  return async ({ sageAccountIds }) => {
    const missing: string[] = [];
    for (const sageAccountId of sageAccountIds) {
      const handle = client.workflow.getHandle(sageBankAccountWorkflowId(sageAccountId));
      const isRunning = await handle.describe().then(
        ({ status }) => status.name === 'RUNNING',
        () => false,
      );
      if (!isRunning) missing.push(sageAccountId);
    }
    return missing;
  };
}

function depsOf(input: {
  pool: Pool;
  keyring: Keyring;
  facade: ReturnType<typeof createFacade>;
  channel: SageBankingParts;
  clock: SimulationClock;
}): ActivityDeps {
  return {
    pool: input.pool,
    keyring: input.keyring,
    workflows: input.facade,
    sage: input.channel,
    // No server listens there: the `rutter` channel has its own simulations.
    rutter: createRutterClient({
      baseUrl: 'http://127.0.0.1:9',
      clientId: 'none',
      clientSecret: 'none',
      version: '2024-08-31',
      limiter: { acquire: () => Promise.resolve(), slowDown: () => Promise.resolve() },
    }),
    settings: {
      rutterPlatform: 'SAGE_BANK_FEEDS',
      redirectOrigins: [],
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
    wait: (waitMs) => input.clock.advance(waitMs),
    stopping: new AbortController().signal,
  };
}

interface WorkersInput {
  env: TestWorkflowEnvironment;
  bundle: WorkflowBundle;
  deps: ActivityDeps;
  clock: SimulationClock;
  runningAttempts: RunningAttempts;
  monitor: () => RunMonitor | null;
}

function createWorkers(input: WorkersInput): Promise<Worker[]> {
  const { env, bundle, deps } = input;
  const shared = {
    connection: env.nativeConnection,
    namespace: 'default',
    dataConverter: createDataConverter(deps.keyring),
  };
  const acting = {
    ...shared,
    activities: activitiesOf(input),
    interceptors: { activity: [createActivityInterceptors] },
  };
  const { workflows, interactive, deliver } = workerOptions;
  return Promise.all([
    Worker.create({
      ...shared,
      ...workflows,
      taskQueue: taskQueues.workflows,
      workflowBundle: bundle,
    }),
    Worker.create({ ...acting, ...interactive, taskQueue: taskQueues.interactive }),
    Worker.create({ ...acting, ...deliver, taskQueue: taskQueues.deliver }),
  ]);
}

/** The real activities; before each attempt the clocks are set, and the monitor gives its failure. */
function activitiesOf({
  deps,
  clock,
  runningAttempts,
  monitor,
}: WorkersInput): Record<string, (input: never) => unknown> {
  type Work = (input: unknown) => Promise<unknown>;
  const names = Object.keys(createActivities(deps)).filter((name) => /^(sage|db|provider)/.test(name));
  const wrapped = names.map((name) => {
    const attempt: Work = async (input) => {
      const { currentAttemptScheduledTimestampMs, workflowExecution } = Context.current().info;
      await clock.reach(currentAttemptScheduledTimestampMs);
      const subject = { activity: name, workflowId: workflowExecution?.workflowId ?? '' };
      const failure = monitor()?.attemptStarted(subject);
      const result = await runningAttempts.track(`${name} ${subject.workflowId}`, () =>
        runAttempt(deps, failure, (own) =>
          (createActivities(own) as unknown as Record<string, Work>)[name]!(input),
        ),
      );
      monitor()?.attemptEnded({ ...subject, result });
      return result;
    };
    return [name, attempt] as const;
  });
  return Object.fromEntries(wrapped);
}
