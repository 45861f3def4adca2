import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { findTemporalCli } from '../scripts/local/find-temporal-cli.js';
import { freePort } from '../scripts/local/free-port.js';
import type { PrintLine } from '../scripts/local/local-failure.js';
import { startPostgres } from '../scripts/local/postgres.js';
import { startRoleProcess } from '../scripts/local/role-process.js';
import { startTemporalDevServer } from '../scripts/local/temporal-dev-server.js';
import { createKeyEntry, parseKeyring, type Keyring } from '../src/crypto/keyring.js';
import { runMigrations } from '../src/db/run-migrations.js';
import { createPool, type Pool } from '../src/db/pool.js';
import { createDataConverter } from '../src/temporal/data-converter.js';
import { createFacade, type Facade } from '../src/temporal/channels.js';
import { isolatedRoleEnvironment } from '../scripts/local/isolated-environment.js';
import { forkChild, type ForkedChild } from './forked-child.js';
import type { MeasuredPart } from './process-cpu.js';
import { sandboxCredentials, startSandbox, type BenchSandbox } from './rutter/sandbox.js';

const benchConnectionsMax = 8;
const apiToken = { core: 'bench-core-token-0123456789', ops: 'bench-ops-token-0123456789' };

/** The servers of one case and the processes that use them; empty at the start, removed by `close`. */
export interface Fixture {
  /** For the benchmark's own statements. */
  readonly pool: Pool;
  readonly databaseUrl: string;
  readonly keyring: Keyring;
  readonly temporal: Client;
  readonly workflows: Facade;
  /** PostgreSQL and the Temporal server, for readings of CPU time. */
  readonly servers: { readonly postgres: MeasuredPart; readonly temporal: MeasuredPart };
  readonly folder: string;
  /** Replaces the previous one, if any, at the same address, with an empty book. */
  freshSandbox(): Promise<BenchSandbox>;
  /** `worker.ts` as a separate process; ready when it runs. */
  startWorker(environment?: Readonly<Record<string, string>>): Promise<RunningRole>;
  /** `src/api/server.ts` as a separate process; ready when /readyz answers 200. */
  startApi(): Promise<RunningApi>;
  /** The plain loop as a separate process. */
  startLoop(): ForkedChild;
  close(): Promise<void>;
}

export interface RunningRole extends MeasuredPart {
  /** Drains and ends it before `close`; does nothing if it has ended. */
  stop(): Promise<void>;
}

export interface RunningApi extends RunningRole {
  readonly url: string;
  readonly coreToken: string;
}

/** Stop functions, called in the reverse order of the starts. */
class StopList {
  private readonly steps: (() => Promise<unknown>)[] = [];

  add(stop: () => Promise<unknown>): void {
    this.steps.push(stop);
  }

  async stopAll(): Promise<void> {
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) {
      // A failure to stop one must not keep the others running.
      await step().catch((error: unknown) => process.stderr.write(`while stopping: ${String(error)}\n`));
    }
  }
}

/**
 * Starts PostgreSQL (durable: fsync on) and the Temporal development server (on a file) in a temporary folder and
 * migrates the database. The workflow bundle must have been built.
 */
export async function openFixture(input: { printLine: PrintLine; signal: AbortSignal }): Promise<Fixture> {
  const stops = new StopList();
  try {
    return await open(input, stops);
  } catch (error) {
    await stops.stopAll();
    throw error;
  }
}

async function open(input: { printLine: PrintLine; signal: AbortSignal }, stops: StopList): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'bankfeeds-bench-'));
  stops.add(() => rm(folder, { recursive: true, force: true }));
  // As root PostgreSQL runs under another account, which has to come through.
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'logs'));
  const postgres = await startPostgres({
    dataDir: join(folder, 'postgres'),
    port: 0,
    settings: { max_connections: '200' },
  });
  stops.add(() => postgres.stop());
  const temporal = await startTemporalDevServer({
    cliPath: await findTemporalCli(input),
    port: 0,
    dbFile: join(folder, 'temporal.db'),
    logFile: join(folder, 'logs', 'temporal.log'),
  });
  stops.add(() => temporal.stop());
  input.signal.throwIfAborted();
  await runMigrations(postgres.url);
  const pool = createPool(postgres.url, benchConnectionsMax, () => undefined);
  stops.add(() => pool.end());
  const encryptionKeys = createKeyEntry('bench');
  const keys = parseKeyring(encryptionKeys);
  if (!keys.ok) throw new Error('the keys made here are unusable');
  const connection = await Connection.connect({ address: temporal.address });
  stops.add(() => connection.close());
  const client = new Client({ connection, dataConverter: createDataConverter(keys.keyring) });
  const environment = await isolatedRoleEnvironment({
    folder,
    encryptionKeys,
    databaseUrl: postgres.url,
    temporalAddress: temporal.address,
    rutter: sandboxCredentials,
    tokens: apiToken,
  });
  return {
    pool,
    databaseUrl: postgres.url,
    keyring: keys.keyring,
    temporal: client,
    folder,
    workflows: createFacade(client),
    servers: {
      postgres: { name: 'PostgreSQL', pid: postgres.identity.pid },
      temporal: { name: 'Temporal', pid: temporal.identity.pid },
    },
    ...starters({ folder, stops, environment, signal: input.signal }),
    close: () => stops.stopAll(),
  };
}

interface StartersInput {
  folder: string;
  stops: StopList;
  environment: Record<string, string>;
  signal: AbortSignal;
}

function starters(
  input: StartersInput,
): Pick<Fixture, 'freshSandbox' | 'startWorker' | 'startApi' | 'startLoop'> {
  const { folder, stops, environment, signal } = input;
  const logFolder = join(folder, 'logs');
  let sandbox: BenchSandbox | undefined;
  const mustHaveSandbox = (): BenchSandbox => {
    if (sandbox === undefined) throw new Error('start the sandbox first');
    return sandbox;
  };
  stops.add(async () => sandbox?.stop());
  const startRole = async (
    role: Pick<Parameters<typeof startRoleProcess>[0], 'name' | 'entry' | 'isReady'>,
    env: Record<string, string>,
  ): Promise<RunningRole> => {
    signal.throwIfAborted();
    const onSpawned = (): Promise<void> => Promise.resolve();
    const part = await startRoleProcess({ ...role, env, logFolder, onSpawned });
    stops.add(() => part.stop());
    return { name: role.name, pid: part.identity.pid, stop: () => part.stop() };
  };
  return {
    freshSandbox: async () => {
      signal.throwIfAborted();
      await sandbox?.stop();
      sandbox = await startSandbox({ port: sandbox?.port ?? 0, logFile: join(logFolder, 'sandbox.log') });
      return sandbox;
    },
    startWorker: (further = {}) => {
      const isReady = (printed: string): boolean => printed.includes('"worker running"');
      const env = { ...environment, RUTTER_API_URL: mustHaveSandbox().apiUrl, ...further };
      return startRole({ name: 'worker', entry: 'worker.ts', isReady }, env);
    },
    startApi: async () => {
      const port = await freePort();
      const url = `http://localhost:${port}`;
      const isReady = () => answersOk(`${url}/readyz`);
      const env = { ...environment, PORT: String(port) };
      const part = await startRole({ name: 'api', entry: 'src/api/server.ts', isReady }, env);
      return { ...part, url, coreToken: apiToken.core };
    },
    startLoop: () => {
      const child = forkChild({
        entry: 'rutter/plain-loop-child.ts',
        logFile: join(logFolder, 'plain-loop.log'),
      });
      stops.add(() => child.stop());
      return child;
    },
  };
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
