import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chmod, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { freePort, isPortFree } from './free-port.js';
import { LocalFailure } from './local-failure.js';
import { loopbackAddress, loopbackHost } from './loopback.js';
import { postgresAccount, giveTo } from './postgres-account.js';
import type { PostgresAccount } from './postgres-account.js';
import { postgresBinaries } from './postgres-binaries.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import { findPostgresOrphan } from './postgres-orphan.js';
import { isSameProcess } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';
import { runCommand } from './run-command.js';
import { adoptedExited, childExited, identifyChild, stopProcess } from './running-part.js';
import type { RunningPart, StopStep } from './running-part.js';

export interface PostgresInput {
  /** Folder of the cluster, its password and its log; created if missing. Only one process may use it at a time. */
  dataDir: string;
  /** 0 = a free one. */
  port: number;
  /** false = faster, but a crash of the machine may lose data: for tests only. Default true. */
  durable?: boolean;
  /** Further variables of the server's processes, for tests. */
  environment?: Record<string, string>;
  /** Settings of postgresql.conf for this start, such as `{ max_connections: '200' }`. */
  settings?: Record<string, string>;
}

export interface RunningPostgres extends RunningPart {
  /** Of the superuser and the database `postgres`. */
  url: string;
  port: number;
  /** True if a running server of a killed start was taken over. */
  adopted: boolean;
}

interface Cluster extends Required<Pick<PostgresInput, 'durable' | 'environment'>> {
  binaries: PostgresBinaries;
  account: PostgresAccount;
  path: string;
  password: string;
  logFile: string;
  settings: Record<string, string>;
}

const initdbMs = 60_000;
/** Long enough for the recovery after a crash; a server that ends is noticed at once. */
const readyMs = 60_000;
/** A start is repeated for this long, while the last backends of a killed server release its memory. */
const retryMs = 10_000;
const logBytesMax = 20_000_000;

/** Fast shutdown, then immediate shutdown (with recovery at the next start), then SIGKILL. */
const stopSteps: StopStep[] = [
  { signal: 'SIGINT', graceMs: 15_000 },
  { signal: 'SIGQUIT', graceMs: 5_000 },
  { signal: 'SIGKILL', graceMs: 5_000 },
];

/**
 * Starts PostgreSQL from the installed package in its own session, so that neither Ctrl-C nor the end of our process
 * stops it during a drain. Creates the cluster if there is none; takes over a server that a killed start left running.
 *
 * @throws LocalFailure with the remedy if it cannot run
 */
export async function startPostgres(input: PostgresInput): Promise<RunningPostgres> {
  const cluster = await openCluster(input);
  const deadline = Date.now() + retryMs;
  for (;;) {
    const orphan = await findPostgresOrphan(cluster.path);
    if (orphan !== undefined) {
      const url = urlOf(cluster, orphan.port);
      const wanted = input.port === 0 || input.port === orphan.port;
      if (wanted && (await answers(url))) {
        const exited = adoptedExited(orphan.identity);
        return running({ identity: orphan.identity, exited, url, port: orphan.port, adopted: true });
      }
      await stopProcess(orphan.identity, stopSteps);
    }
    const port = await choosePort(input.port);
    const started = await launch(cluster, port);
    if (started !== undefined) return started;
    if (Date.now() > deadline) throw new LocalFailure(await whyNot(cluster));
    await delay(500);
  }
}

/** Ends the server that a killed start left running on this data, before the data is removed. */
export async function stopLeftoverPostgres(dataDir: string): Promise<void> {
  const orphan = await findPostgresOrphan(join(resolve(dataDir), 'cluster'));
  if (orphan !== undefined) await stopProcess(orphan.identity, stopSteps);
}

async function choosePort(wanted: number): Promise<number> {
  if (wanted === 0) return freePort();
  if (await isPortFree(wanted)) return wanted;
  throw new LocalFailure(
    `Port ${wanted} for PostgreSQL is in use: end what listens there, or set POSTGRES_PORT to another port (0 = a free one).`,
  );
}

function running(part: Omit<RunningPostgres, 'stop'>): RunningPostgres {
  return { ...part, stop: () => stopProcess(part.identity, stopSteps) };
}

function urlOf(cluster: Cluster, port: number): string {
  return `postgresql://postgres:${cluster.password}@${loopbackHost()}:${port}/postgres`;
}

async function openCluster(input: PostgresInput): Promise<Cluster> {
  const dataDir = resolve(input.dataDir);
  await mkdir(dataDir, { recursive: true });
  const binaries = await postgresBinaries();
  const account = await postgresAccount({ program: binaries.initdb, folder: dataDir });
  const path = join(dataDir, 'cluster');
  const exists = await access(join(path, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
  if (!exists) await createCluster({ dataDir, path, binaries, account, durable: input.durable ?? true });
  else await giveTo(account, path);
  const password = (await readFile(join(dataDir, 'password'), 'utf8')).trim();
  const logFile = join(dataDir, 'postgres.log');
  return {
    binaries,
    account,
    path,
    password,
    logFile,
    durable: input.durable ?? true,
    environment: input.environment ?? {},
    settings: input.settings ?? {},
  };
}

/** Created under another name and renamed at the end: an interrupted start leaves no incomplete cluster. */
async function createCluster(input: {
  dataDir: string;
  path: string;
  binaries: PostgresBinaries;
  account: PostgresAccount;
  durable: boolean;
}): Promise<void> {
  const unfinished = `${input.path}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  const password = randomBytes(18).toString('base64url');
  const passwordFile = join(unfinished, '..', 'password.new');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await giveTo(input.account, passwordFile);
  await giveTo(input.account, unfinished);
  const [command = '', ...args] = [
    ...input.account.prefix,
    input.binaries.initdb,
    `--pgdata=${unfinished}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    // The same sort order on every machine, independent of its locales.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-instructions',
    ...(input.durable ? [] : ['--no-sync']),
  ];
  const { uid, gid } = input.account;
  const made = await runCommand({
    command,
    args,
    cwd: '/',
    env: cleanEnvironment(),
    timeoutMs: initdbMs,
    ...(uid === undefined || gid === undefined ? {} : { uid, gid }),
  });
  if (made.code !== 0) {
    throw new LocalFailure(
      `PostgreSQL could not create its data folder ${input.path} (${made.stderr.trim().split('\n').at(-1) ?? ''}): check free disk space and permissions there.`,
    );
  }
  await rename(passwordFile, join(input.dataDir, 'password'));
  await chmod(join(input.dataDir, 'password'), 0o600);
  await rename(unfinished, input.path);
}

/** Without PGDATA, PGPORT and the like, which would change the server's settings. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

async function launch(cluster: Cluster, port: number): Promise<RunningPostgres | undefined> {
  const fast = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' };
  const settings = {
    listen_addresses: loopbackAddress(),
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(cluster.durable ? {} : fast),
    ...cluster.settings,
  };
  const [command = '', ...args] = [
    ...cluster.account.prefix,
    cluster.binaries.postgres,
    '-D',
    cluster.path,
    '-p',
    String(port),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const log = await openLog(cluster.logFile);
  const { uid, gid } = cluster.account;
  const child = spawn(command, args, {
    cwd: '/',
    env: { ...cleanEnvironment(), ...cluster.environment },
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    ...(uid === undefined || gid === undefined ? {} : { uid, gid }),
  });
  const exited = childExited(child);
  await log.close();
  const identity = await identifyChild(child);
  const url = urlOf(cluster, port);
  if (!(await becomesReady(url, identity))) {
    await stopProcess(identity, stopSteps);
    return undefined;
  }
  return running({ identity, exited, url, port, adopted: false });
}

async function openLog(path: string): ReturnType<typeof open> {
  const log = await open(path, 'a', 0o600);
  if ((await log.stat()).size > logBytesMax) await log.truncate(0);
  return log;
}

async function becomesReady(url: string, identity: ProcessIdentity): Promise<boolean> {
  const deadline = Date.now() + readyMs;
  while (Date.now() < deadline && (await isSameProcess(identity))) {
    if (await answers(url)) return true;
    await delay(50);
  }
  return false;
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // A server that stops between connect and end emits this error; only the result below matters.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function whyNot(cluster: Cluster): Promise<string> {
  const log = await readFile(cluster.logFile, 'utf8').catch(() => '');
  const fatal = log
    .split('\n')
    .filter((line) => /FATAL|PANIC/.test(line))
    .at(-1);
  const reason = (fatal ?? 'it gave no reason').replace(/^.*?(FATAL|PANIC):\s*/, '');
  return `PostgreSQL did not start on ${cluster.path} (${reason}): see ${cluster.logFile}, free disk space if it is short, or set DATABASE_URL.`;
}
