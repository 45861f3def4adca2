import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { askControl } from '../../../sandbox/stand-in/ask-control.js';
import type { Knobs } from '../../../sandbox/sage-banking/assumptions.js';
import { startSageBankingSandbox, type SageBankingOptions } from '../../../sandbox/sage-banking/server.js';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import { createActivities } from '../../../src/activities/channels.js';
import { createActivityInterceptors } from '../../../src/activities/interceptor.js';
import { createApp } from '../../../src/api/app.js';
import { createApiChannels } from '../../../src/api/channels.js';
import { createRutterClient } from '../../../src/clients/rutter/client.js';
import type { SageBankingClient } from '../../../src/clients/sage-banking/client.js';
import { createSageBankingClient } from '../../../src/clients/sage-banking/create-client.js';
import { parseKeyring, type Keyring } from '../../../src/crypto/keyring.js';
import { createPasswordHasher } from '../../../src/crypto/password.js';
import { createPool, type Pool } from '../../../src/db/pool.js';
import type { SageOrganisationRoute } from '../../../src/domain/sage-banking/onboarding.js';
import { taskQueues } from '../../../src/domain/ids.js';
import { createPagesChannels } from '../../../src/pages/channels.js';
import { createPages } from '../../../src/pages/index.js';
import { createDataConverter } from '../../../src/temporal/data-converter.js';
import { createFacade } from '../../../src/temporal/channels.js';
import { registerSearchAttributes } from '../../../src/temporal/search-attributes.js';
import { createTestDatabase } from '../database.js';
import { replayKeys } from '../replay-key.js';
import { installRuntime } from '../runtime.js';
import { createTestNamespace } from '../temporal.js';
import { bundleWorkflows } from '../workflow-environment.js';

export const sageApplication = { id: 'Sage.UK.Ledger', signingKey: 'sk_fixture_7c1f', desktop: true };
export const fixturePassword = 'correct horse battery staple';

export interface ApiAnswer {
  status: number;
  headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- every answer has another shape: a wrong field fails the test that reads it
  body: any;
}

/** The whole `sage-banking` channel: real API and pages, real Temporal with its worker, real PostgreSQL, the sandbox over HTTP. */
export interface SageFixture {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly deps: ActivityDeps;
  readonly client: Client;
  readonly namespace: string;
  /** Origin of API and pages. */
  readonly url: string;
  readonly sandboxUrl: string;
  /** Every log line of API and pages. */
  readonly logLines: string[];
  api(
    method: string,
    path: string,
    input?: { json?: unknown; role?: 'core' | 'ops'; key?: string; ifMatch?: string },
  ): Promise<ApiAnswer>;
  /** The sandbox's own endpoints, below `/_sandbox`; throws when they refuse. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  control(method: string, path: string, body?: unknown): Promise<any>;
  /** A customer with a login to the pages (`fixturePassword`). */
  makeCustomer(): Promise<{ customerId: string; username: string }>;
  /** Environment variables for a worker in its own process. */
  readonly workerEnvironment: Record<string, string>;
  /** Stops the workers in the middle of their work and starts new ones. */
  restartWorkers(): Promise<void>;
  /** The violations of the contract that the sandbox recorded. */
  violations(): Promise<unknown[]>;
  close(): Promise<void>;
}

export interface SageFixtureInput {
  readonly knobs?: Partial<Knobs>;
  readonly environment?: SageBankingOptions['environment'];
  /** Replaces the client that the activities use, to inject failures for example. */
  readonly wrap?: (client: SageBankingClient) => SageBankingClient;
  readonly organisationRoute?: SageOrganisationRoute;
  readonly statusPollMinMs?: number;
  readonly statusPollMaxMs?: number;
  /** Whether the worker is configured for both kinds of onboarding; default true. */
  readonly onboards?: boolean;
  /** False: this process runs no workers; the test starts `worker.ts` with `workerEnvironment`. */
  readonly workers?: boolean;
}

/** Short waits: what takes minutes at Sage takes seconds in a test. */
const quickKnobs: Partial<Knobs> = {
  linkPollPeriodMs: 200,
  candidatesRefreshMs: 100,
  reprocessPollPeriodMs: 100,
  reprocessRunMs: 100,
};

export async function createSageFixture(input: SageFixtureInput = {}): Promise<SageFixture> {
  const database = await createTestDatabase();
  const pool = createPool(database.url, 20, () => undefined);
  const parsed = parseKeyring(replayKeys);
  if (!parsed.ok) throw new Error('no keyring');
  const { keyring } = parsed;
  const sandbox = await startSageBankingSandbox({
    applications: [sageApplication],
    ...(input.environment === undefined ? {} : { environment: input.environment }),
    knobs: { ...quickKnobs, ...input.knobs },
  });
  const { address, namespace } = await createTestNamespace({ register: registerSearchAttributes });
  const dataConverter = createDataConverter(keyring);
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace, dataConverter });
  const facade = createFacade(client);
  const deps = activityDeps({ ...input, pool, keyring, sandboxUrl: sandbox.url, facade });
  const startWorkers = () =>
    input.workers === false
      ? Promise.resolve(() => Promise.resolve())
      : runWorkers({ address, namespace, dataConverter, deps });
  let stopWorkers = await startWorkers();
  const service = await serve({ pool, keyring, facade, sage: facade, sandboxUrl: sandbox.url });
  const control = (method: string, path: string, body?: unknown) =>
    askControl({ url: sandbox.url, method, path, body });
  return {
    pool,
    keyring,
    deps,
    client,
    namespace,
    control,
    url: service.url,
    sandboxUrl: sandbox.url,
    logLines: service.logLines,
    api: service.api,
    workerEnvironment: workerEnvironment({
      databaseUrl: database.url,
      address,
      namespace,
      sandboxUrl: sandbox.url,
    }),
    makeCustomer: async () => {
      const customerId = `customer-${randomBytes(6).toString('hex')}`;
      const username = `user-${customerId}`;
      const json = { name: 'Harbour Stores', username, password: fixturePassword };
      const answer = await service.api('PUT', `/v1/customers/${customerId}`, { json });
      if (answer.status !== 201) throw new Error(`no customer: ${JSON.stringify(answer.body)}`);
      return { customerId, username };
    },
    restartWorkers: async () => {
      await stopWorkers();
      stopWorkers = await startWorkers();
    },
    violations: async () => ((await control('GET', '/violations')) as { violations: unknown[] }).violations,
    close: async () => {
      await service.stop();
      await stopWorkers();
      await connection.close();
      await sandbox.close();
      await pool.end();
      await database.drop();
    },
  };
}

function workerEnvironment(input: {
  databaseUrl: string;
  address: string;
  namespace: string;
  sandboxUrl: string;
}): Record<string, string> {
  return {
    DATABASE_URL: input.databaseUrl,
    TEMPORAL_ADDRESS: input.address,
    TEMPORAL_NAMESPACE: input.namespace,
    ENCRYPTION_KEYS: replayKeys,
    RUTTER_API_URL: 'http://127.0.0.1:9/versioned',
    RUTTER_CLIENT_ID: 'none',
    RUTTER_CLIENT_SECRET: 'none',
    SAGE_BANKING_URL: input.sandboxUrl,
    SAGE_AUTH_URL: input.sandboxUrl,
    SAGE_TOKEN_SERVICE_URL: input.sandboxUrl,
    SAGE_APPLICATION_ID: sageApplication.id,
    SAGE_SIGNING_KEY: sageApplication.signingKey,
    SAGE_PROVIDER: 'fixture.provider',
  };
}

function activityDeps(
  input: SageFixtureInput & {
    pool: Pool;
    keyring: Keyring;
    sandboxUrl: string;
    facade: ReturnType<typeof createFacade>;
  },
): ActivityDeps {
  const client = createSageBankingClient({
    bankingUrl: input.sandboxUrl,
    authUrl: input.sandboxUrl,
    tokenServiceUrl: input.sandboxUrl,
    linkOrigins: [input.sandboxUrl],
    applicationId: sageApplication.id,
    signingKey: input.onboards === false ? undefined : sageApplication.signingKey,
    provider: input.onboards === false ? undefined : 'fixture.provider',
    timeoutMs: 3_000,
  });
  return {
    pool: input.pool,
    keyring: input.keyring,
    // Nothing listens there: the `rutter` channel has its own fixtures.
    rutter: createRutterClient({
      baseUrl: 'http://127.0.0.1:9',
      clientId: 'none',
      clientSecret: 'none',
      version: '2024-08-31',
      limiter: { acquire: () => Promise.resolve(), slowDown: () => Promise.resolve() },
    }),
    workflows: input.facade,
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
    sage: {
      client: input.wrap?.(client) ?? client,
      workflows: input.facade,
      settings: {
        statusPollMinMs: input.statusPollMinMs ?? 200,
        statusPollMaxMs: input.statusPollMaxMs ?? 1_000,
        candidatesRefreshMs: 150,
        organisationRoute: input.organisationRoute ?? 'banking_service',
        organisationLimit: input.environment === 'production' ? 1 : null,
      },
    },
    wait: (waitMs, signal) => sleep(waitMs, undefined, { signal }),
    stopping: new AbortController().signal,
  };
}

async function runWorkers(input: {
  address: string;
  namespace: string;
  dataConverter: ReturnType<typeof createDataConverter>;
  deps: ActivityDeps;
}): Promise<() => Promise<void>> {
  installRuntime();
  const { namespace, dataConverter } = input;
  const connection = await NativeConnection.connect({ address: input.address });
  const shared = { connection, namespace, dataConverter };
  const withActivities = {
    ...shared,
    activities: createActivities(input.deps),
    interceptors: { activity: [createActivityInterceptors] },
  };
  const workers = await Promise.all([
    Worker.create({
      ...shared,
      taskQueue: taskQueues.workflows,
      workflowBundle: await bundleWorkflows(),
    }),
    Worker.create({ ...withActivities, taskQueue: taskQueues.interactive }),
    Worker.create({ ...withActivities, taskQueue: taskQueues.deliver }),
  ]);
  const running = workers.map((worker) => worker.run());
  return async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
    await connection.close();
  };
}

async function serve(input: {
  pool: Pool;
  keyring: Keyring;
  facade: ReturnType<typeof createFacade>;
  sage: ReturnType<typeof createFacade>;
  sandboxUrl: string;
}) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://localhost:${String((server.address() as AddressInfo).port)}`;
  const tokens = { core: randomBytes(24).toString('hex'), ops: randomBytes(24).toString('hex') };
  const logLines: string[] = [];
  const parts = {
    ...input,
    logger: pino({ level: 'trace' }, { write: (line: string) => logLines.push(line) }),
    readLogState: () => ({ droppedTotal: 0, failure: null }),
    availability: [],
    readDegraded: () => [],
    hasher: createPasswordHasher({ concurrencyMax: 2, queueMax: 1_000 }),
    config: {
      publicUrl: url,
      RUTTER_REDIRECT_ORIGINS: ['https://link.rutterapi.com'],
      SAGE_BANKING_URL: input.sandboxUrl,
      SAGE_FRAME_ANCESTORS: ['https://*.sage.com'],
      TEMPORAL_UI_URL: 'http://localhost:8233',
      CORE_API_TOKEN: tokens.core,
      OPS_API_TOKEN: tokens.ops,
      TRUSTED_PROXIES: [],
      SIGN_CHECK: 'reject' as const,
    },
  };
  const channels = createApiChannels({
    rutter: { facade: input.facade, verifyWebhook: () => false },
    sageBanking: { facade: input.sage },
  });
  const pages = createPages({
    ...parts,
    channels: createPagesChannels({
      rutter: { facade: input.facade },
      sageBanking: { facade: input.sage },
    }),
  });
  const { app, drained } = createApp({ ...parts, channels, pages });
  server.on('request', app);
  const api: SageFixture['api'] = async (method, path, { json, role = 'core', key, ifMatch } = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        Authorization: `Bearer ${tokens[role]}`,
        ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(ifMatch === undefined ? {} : { 'If-Match': ifMatch }),
        ...(method === 'POST' ? { 'Idempotency-Key': key ?? randomUUID() } : {}),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? null : JSON.parse(text),
    };
  };
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await drained();
  };
  return { url, logLines, api, stop };
}
