import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { createKeyEntry, parseKeyring, type Keyring } from '../../src/crypto/keyring.js';
import { runMigrations } from '../../src/db/run-migrations.js';
import { createPool, type Pool } from '../../src/db/pool.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy.js';
import { inheritedEnvironment, isolatedRoleEnvironment } from '../local/isolated-environment.js';
import { findTemporalCli } from '../local/find-temporal-cli.js';
import { freePort } from '../local/free-port.js';
import type { PrintLine } from '../local/local-failure.js';
import { startPostgres, type RunningPostgres } from '../local/postgres.js';
import { runCommand } from '../local/run-command.js';
import { startRoleProcess } from '../local/role-process.js';
import type { RunningPart } from '../local/running-part.js';
import { startTemporalDevServer } from '../local/temporal-dev-server.js';
import { controlRutter, type RutterControl } from './rutter-sandbox.js';
import { SupervisedPart } from './supervised-part.js';

const connectionsMax = 10;
const credentials = { clientId: 'rc_chaos', clientSecret: 'rs_chaos_secret' };
const coreToken = 'chaos-core-token-0123456789';

/** The whole service as real processes, each restarted when it ends, with its sandbox. */
export interface Stack {
  readonly folder: string;
  readonly postgres: SupervisedPart<RunningPostgres>;
  readonly temporal: SupervisedPart;
  readonly api: SupervisedPart;
  /** The running workers; the first one is killed. */
  readonly workers: SupervisedPart[];
  /** Starts another worker and waits until it is ready; its code is this version's, whatever the others run. */
  addWorker(): Promise<SupervisedPart>;
  /** The same with an API process, at a port of its own. */
  addApi(): Promise<{ readonly api: SupervisedPart; readonly apiUrl: string }>;
  /** The proxy between the workers and the sandbox. */
  readonly wire: TcpProxy;
  /** Proxies from worker and API to PostgreSQL, and from the workers to Temporal; undefined: direct connections. */
  readonly wires: Wires | undefined;
  readonly rutter: RutterControl;
  readonly rutterUrl: string;
  readonly credentials: typeof credentials;
  /** For the test's own statements; its connections end with the server. */
  readonly pool: Pool;
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly keyring: Keyring;
  readonly apiUrl: string;
  readonly coreToken: string;
  /** The number of workflow runs that neither completed nor continued as new. */
  brokenRuns(): Promise<number>;
  close(): Promise<void>;
}

export interface Wires {
  readonly workerToPostgres: TcpProxy;
  readonly apiToPostgres: TcpProxy;
  readonly workerToTemporal: TcpProxy;
}

interface StackInput {
  readonly printLine: PrintLine;
  /** Keeps the folder. */
  readonly keep: boolean;
  /** Puts a proxy between all parts, which costs time. */
  readonly wired?: boolean;
  /** Further variables of a part's processes: `PostgreSQL`, `sandbox`, `api` or `worker-1`, `worker-2` and so on. */
  readonly variablesOf?: (part: string, folder: string) => Promise<Record<string, string>>;
  /** The folder of another version: it migrates the database, and API and worker run its code. */
  readonly release?: string;
}

/** Functions that stop the parts, called in reverse order. */
type Stops = (() => Promise<unknown>)[];

/** Starts PostgreSQL (durable), Temporal (on a file), sandbox, API and worker in a temporary folder. */
export async function openStack(input: StackInput): Promise<Stack> {
  const stops: Stops = [];
  const close = async (): Promise<void> => {
    for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) {
      await stop().catch((error: unknown) => input.printLine(`while stopping: ${String(error)}`));
    }
  };
  try {
    return { ...(await open(input, stops)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(input: StackInput, stops: Stops): Promise<Omit<Stack, 'close'>> {
  const { printLine } = input;
  const folder = await mkdtemp(join(tmpdir(), 'bankfeeds-chaos-'));
  if (input.keep) printLine(`data and logs are kept in ${folder}`);
  else stops.push(() => rm(folder, { recursive: true, force: true }));
  // If we are root, PostgreSQL runs as another user, who must be able to open the folder.
  await chmod(folder, 0o755);
  const logFolder = join(folder, 'logs');
  await mkdir(logFolder);
  const supervised = async <Part extends RunningPart>(
    name: string,
    launch: () => Promise<Part>,
  ): Promise<SupervisedPart<Part>> => {
    const part = new SupervisedPart(name, launch, printLine);
    stops.push(() => part.stop());
    await part.start();
    return part;
  };
  const variablesOf = async (part: string): Promise<Record<string, string>> =>
    (await input.variablesOf?.(part, folder)) ?? {};
  const servers = await startServers({ ...input, folder, logFolder, supervised, variablesOf });
  const pool = createPool(servers.databaseUrl, connectionsMax, () => undefined);
  stops.push(() => pool.end());
  const encryptionKeys = createKeyEntry('chaos');
  const keys = parseKeyring(encryptionKeys);
  if (!keys.ok) throw new Error('the generated keys are invalid');
  const proxyTo = async (url: string): Promise<TcpProxy> => {
    const proxy = await startTcpProxy({ targetPort: Number(new URL(url).port) });
    stops.push(() => proxy.close());
    return proxy;
  };
  const wire = await proxyTo(servers.rutterUrl);
  const wires =
    input.wired === true
      ? {
          workerToPostgres: await proxyTo(servers.databaseUrl),
          apiToPostgres: await proxyTo(servers.databaseUrl),
          workerToTemporal: await proxyTo(`http://${servers.temporalAddress}`),
        }
      : undefined;
  const connection = Connection.lazy({ address: servers.temporalAddress });
  stops.push(() => connection.close());
  const client = new Client({ connection, dataConverter: createDataConverter(keys.keyring) });
  const environment = await isolatedRoleEnvironment({
    folder,
    encryptionKeys,
    databaseUrl: servers.databaseUrl,
    temporalAddress: servers.temporalAddress,
    rutter: credentials,
    tokens: { core: coreToken, ops: 'chaos-ops-token-0123456789' },
  });
  const roles = await startRoles({ ...input, environment, wire, wires, logFolder, supervised, variablesOf });
  const broken = `ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut', 'Canceled')`;
  return {
    folder,
    wire,
    wires,
    pool,
    credentials,
    coreToken,
    ...servers,
    ...roles,
    keyring: keys.keyring,
    rutter: controlRutter(servers.rutterUrl),
    brokenRuns: async () => (await client.workflow.count(broken)).count,
  };
}

type VariablesOf = (part: string) => Promise<Record<string, string>>;

type Supervise = <Part extends RunningPart>(
  name: string,
  launch: () => Promise<Part>,
) => Promise<SupervisedPart<Part>>;

async function startServers(input: {
  folder: string;
  logFolder: string;
  printLine: PrintLine;
  supervised: Supervise;
  variablesOf: VariablesOf;
  release?: string | undefined;
}) {
  const { folder, logFolder, supervised, variablesOf } = input;
  const ports = { postgres: await freePort(), temporal: await freePort(), sandbox: await freePort() };
  const dataDir = join(folder, 'postgres');
  const settings = { max_connections: '200' };
  const server = { dataDir, port: ports.postgres, settings, environment: await variablesOf('PostgreSQL') };
  const postgres = await supervised('PostgreSQL', () => startPostgres(server));
  const cliPath = await findTemporalCli(input);
  const dbFile = join(folder, 'temporal.db');
  const logFile = join(logFolder, 'temporal.log');
  const temporal = await supervised('Temporal', () =>
    startTemporalDevServer({ cliPath, port: ports.temporal, dbFile, logFile }),
  );
  const first = await startPostgres(server);
  if (input.release === undefined) await runMigrations(first.url);
  else await migrateByRelease(input.release, first.url);
  const env = {
    ...inheritedEnvironment(),
    SANDBOX_PORT: String(ports.sandbox),
    RUTTER_CLIENT_ID: credentials.clientId,
    RUTTER_CLIENT_SECRET: credentials.clientSecret,
    ...(await variablesOf('sandbox')),
  };
  await supervised('sandbox', () =>
    startRole({ name: 'sandbox', entry: 'sandbox/main.ts', env, logFolder, isReady: prints('"ready"') }),
  );
  return {
    postgres,
    temporal,
    databaseUrl: first.url,
    temporalAddress: `127.0.0.1:${String(ports.temporal)}`,
    rutterUrl: `http://localhost:${String(ports.sandbox)}`,
  };
}

async function startRoles(input: {
  environment: Record<string, string>;
  wire: TcpProxy;
  wires: Wires | undefined;
  logFolder: string;
  supervised: Supervise;
  variablesOf: VariablesOf;
  release?: string | undefined;
}): Promise<Pick<Stack, 'api' | 'apiUrl' | 'workers' | 'addWorker' | 'addApi'>> {
  const { environment, wires, logFolder, supervised, variablesOf, release } = input;
  const through = (proxy: TcpProxy): { DATABASE_URL: string } => {
    const url = new URL(environment['DATABASE_URL'] ?? '');
    url.port = String(proxy.port);
    return { DATABASE_URL: url.href };
  };
  let apis = 0;
  const startApi = async (code?: string) => {
    const name = (apis += 1) === 1 ? 'api' : `api-${String(apis)}`;
    const port = await freePort();
    const apiUrl = `http://127.0.0.1:${String(port)}`;
    const env = {
      ...environment,
      PORT: String(port),
      ...(wires === undefined ? {} : through(wires.apiToPostgres)),
      ...(await variablesOf(name)),
    };
    const isReady = (): Promise<boolean> => answersOk(`${apiUrl}/healthz`);
    const api = await supervised(name === 'api' ? 'API' : name, () =>
      startRole({ name, entry: 'src/api/server.ts', code, env, logFolder, isReady }),
    );
    return { api, apiUrl };
  };
  const workers: SupervisedPart[] = [];
  let made = 0;
  const startWorker = async (code?: string): Promise<SupervisedPart> => {
    const name = `worker-${String((made += 1))}`;
    const env = {
      ...environment,
      RUTTER_API_URL: `http://127.0.0.1:${String(input.wire.port)}/versioned`,
      ...(wires === undefined
        ? {}
        : {
            ...through(wires.workerToPostgres),
            TEMPORAL_ADDRESS: `127.0.0.1:${String(wires.workerToTemporal.port)}`,
          }),
      ...(await variablesOf(name)),
    };
    const running = prints('"worker running"');
    const worker = await supervised(name, () =>
      startRole({ name, entry: 'worker.ts', code, env, logFolder, isReady: running }),
    );
    workers.push(worker);
    return worker;
  };
  const first = await startApi(release);
  await startWorker(release);
  return { ...first, workers, addWorker: () => startWorker(), addApi: () => startApi() };
}

const migrateMs = 120_000;

/** Migrates a database with the code of a release, as a deployment of it did. */
async function migrateByRelease(release: string, databaseUrl: string): Promise<void> {
  const { code, stderr } = await runCommand({
    command: process.execPath,
    args: ['--import', 'tsx', 'src/db/migrate.ts'],
    cwd: release,
    env: { ...inheritedEnvironment(), DATABASE_URL: databaseUrl },
    timeoutMs: migrateMs,
  });
  if (code !== 0) throw new Error(`the release did not migrate the database: ${stderr}`);
}

function startRole(input: Omit<Parameters<typeof startRoleProcess>[0], 'onSpawned'>): Promise<RunningPart> {
  return startRoleProcess({ ...input, onSpawned: () => Promise.resolve() });
}

function prints(text: string): (printed: string) => boolean {
  return (printed) => printed.includes(text);
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
