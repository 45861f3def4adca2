import { spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { freePort, isPortFree, isPortOpen } from './free-port.js';
import { LocalFailure } from './local-failure.js';
import { loopbackAddress } from './loopback.js';
import { isSameProcess } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';
import { childExited, identifyChild, stopProcess } from './running-part.js';
import type { RunningPart, StopStep } from './running-part.js';

export interface DevServerInput {
  /** The `temporal` executable. */
  cliPath: string;
  /** 0 = a free one. */
  port: number;
  /** 0 = a free one; absent = no UI. */
  uiPort?: number;
  /** The database file; absent = in memory. Only one server may use it at a time: the caller holds a lock. */
  dbFile?: string;
  /** Created at start besides `default`, which always exists. */
  namespaces?: string[];
  /** The URL to which the UI in the browser sends payloads for decoding. */
  uiCodecEndpoint?: string;
  /** Receives the server's output; absent = dropped. */
  logFile?: string;
  /** Called before it answers, so that its process is recorded even if the start is killed. */
  onSpawned?: (identity: ProcessIdentity) => Promise<void>;
}

export interface RunningDevServer extends RunningPart {
  /** `127.0.0.1:7233`. */
  address: string;
  port: number;
  /** `http://localhost:8233`; "localhost" since the UI's codec cookie is only known to work from there. */
  uiUrl?: string;
}

const readyMs = 30_000;
const answerMs = 2_000;
/** If the port was chosen here, another process may use it before the server does. */
const attemptsMax = 3;
const logBytesMax = 20_000_000;

const stopSteps: StopStep[] = [
  { signal: 'SIGTERM', graceMs: 5_000 },
  { signal: 'SIGKILL', graceMs: 5_000 },
];

/**
 * Starts the Temporal CLI's development server in its own session and waits until it answers. It survives a kill of its
 * parent: a caller that uses a file records the process and ends a remaining one before the next start.
 *
 * @throws LocalFailure with the remedy if a port is in use, it does not start, or the machine has IPv6 alone
 */
export async function startTemporalDevServer(input: DevServerInput): Promise<RunningDevServer> {
  if (loopbackAddress() === '::1') {
    throw new LocalFailure(
      'The embedded Temporal server needs the address 127.0.0.1, which this machine does not have: add it (ip address add 127.0.0.1/8 dev lo), or set TEMPORAL_ADDRESS.',
    );
  }
  for (let attempt = 1; ; attempt += 1) {
    const port = await choosePort(input.port, 'TEMPORAL_PORT');
    const uiPort =
      input.uiPort === undefined ? undefined : await choosePort(input.uiPort, 'TEMPORAL_UI_PORT');
    const server = await launch(input, port, uiPort);
    if (server !== undefined) return server;
    if (input.port !== 0 || attempt === attemptsMax) throw new LocalFailure(await whyNot(input));
  }
}

async function choosePort(wanted: number, variable: string): Promise<number> {
  if (wanted === 0) return freePort();
  if (await isPortFree(wanted)) return wanted;
  throw new LocalFailure(
    `Port ${wanted} for Temporal is in use: end what listens there, or set ${variable} to another port (0 = a free one).`,
  );
}

async function launch(
  input: DevServerInput,
  port: number,
  uiPort: number | undefined,
): Promise<RunningDevServer | undefined> {
  if (input.dbFile !== undefined) await mkdir(dirname(input.dbFile), { recursive: true });
  const log = input.logFile === undefined ? undefined : await openLog(input.logFile);
  const child = spawn(input.cliPath, commandArguments(input, port, uiPort), {
    detached: true,
    stdio: ['ignore', log?.fd ?? 'ignore', log?.fd ?? 'ignore'],
    env: cleanEnvironment(),
  });
  const exited = childExited(child);
  await log?.close();
  const identity = await identifyChild(child);
  await input.onSpawned?.(identity);
  const address = `127.0.0.1:${port}`;
  const stop = (): Promise<void> => stopProcess(identity, stopSteps);
  if (!(await becomesReady(port, identity))) {
    await stop();
    return undefined;
  }
  const ui = uiPort === undefined ? {} : { uiUrl: `http://localhost:${uiPort}` };
  return { identity, exited, stop, address, port, ...ui };
}

/**
 * This server has one history shard, and a shard's task queue is read 20 times a second by default: with ten or more
 * delivery runs a second, every task waits about 35 ms, twice per delivery run. A cluster reads hundreds of shards at
 * that rate.
 */
const transferReadsPerSecond = 1_000;

function commandArguments(input: DevServerInput, port: number, uiPort: number | undefined): string[] {
  const ui =
    uiPort === undefined
      ? ['--headless']
      : [
          ...['--ui-port', String(uiPort), '--ui-disable-news-fetch'],
          ...(input.uiCodecEndpoint === undefined ? [] : ['--ui-codec-endpoint', input.uiCodecEndpoint]),
        ];
  // These two allow three times as many starts a second, and still lose nothing on kill -9.
  const pragmas = ['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'];
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'error'],
    ...['--dynamic-config-value', `history.transferProcessorMaxPollRPS=${transferReadsPerSecond}`],
    ...ui,
    ...(input.dbFile === undefined ? [] : ['--db-filename', input.dbFile, ...pragmas]),
    ...(input.namespaces ?? []).flatMap((name) => ['--namespace', name]),
  ];
}

/** Without TEMPORAL_… variables: the CLI reads them as settings of a client. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_'));
  // The server asks who runs it, and does not start where neither these nor /etc/passwd say so.
  return { USER: 'bankfeeds', HOME: '/', ...Object.fromEntries(kept) };
}

async function openLog(path: string): ReturnType<typeof open> {
  const log = await open(path, 'a', 0o600);
  if ((await log.stat()).size > logBytesMax) await log.truncate(0);
  return log;
}

async function becomesReady(port: number, identity: ProcessIdentity): Promise<boolean> {
  const address = `127.0.0.1:${port}`;
  const deadline = Date.now() + readyMs;
  while (Date.now() < deadline && (await isSameProcess(identity))) {
    // gRPC waits a second after a refused connection; checking the port first is faster.
    if ((await isPortOpen(port)) && (await temporalAnswers(address))) return isSameProcess(identity);
    await delay(50);
  }
  return false;
}

/** Whether a Temporal server at this address (host:port, no TLS) describes its default namespace. */
export async function temporalAnswers(address: string): Promise<boolean> {
  const connection = Connection.lazy({ address });
  try {
    const deadline = Date.now() + answerMs;
    await connection.withDeadline(deadline, () =>
      connection.workflowService.describeNamespace({ namespace: 'default' }),
    );
    return true;
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}

async function whyNot(input: DevServerInput): Promise<string> {
  const log = input.logFile === undefined ? '' : await readFile(input.logFile, 'utf8').catch(() => '');
  const reason = log.trim().split('\n').at(-1)?.slice(0, 300) || 'it gave no reason';
  const logHint = input.logFile === undefined ? '' : `see ${input.logFile}, `;
  return `The Temporal server did not start (${reason}): ${logHint}check free disk space and the ports, or set TEMPORAL_ADDRESS.`;
}
