import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../scripts/local/free-port.js';
import { replayKeys } from './replay-key.js';
import { startRole, until, type RoleProcess } from './processes.js';

/** What `npm start` brought up, from the outside: addresses, tokens, processes, logs. */
export interface LocalService {
  api: string;
  sandbox: string;
  /** Of Sage's Banking Service. */
  bankingSandbox: string;
  screens: string;
  temporalAddress: string;
  temporalUi: string;
  coreToken: string;
  opsToken: string;
  demo: { username: string; password: string };
  /** Kills one of its processes (`api`, `worker`, `sandbox`, `temporal`) as a crash would; it is restarted. */
  killRole(name: string, signal?: NodeJS.Signals): Promise<void>;
  /** Everything any of its processes has printed so far. */
  allOutput(): Promise<string>;
  /** Ends the service: SIGTERM as an operator would, SIGKILL as a crash, which leaves its children running. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

export interface LocalFixture {
  localDir: string;
  environment: Record<string, string>;
  /** Starts, or starts again on the same data. */
  start(): Promise<LocalService>;
  remove(): Promise<void>;
}

const startTimeoutMs = 240_000;

/** A folder and ports of its own for `npm start`; the embedded parts and the sandboxes come with it. */
export async function prepareLocalFixture(extra: Record<string, string> = {}): Promise<LocalFixture> {
  const localDir = await mkdtemp(join(tmpdir(), 'bankfeeds-e2e-'));
  const [port, temporal, temporalUi, postgres] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ]);
  const environment = {
    LOCAL_DIR: localDir,
    PORT: String(port),
    TEMPORAL_PORT: String(temporal),
    TEMPORAL_UI_PORT: String(temporalUi),
    POSTGRES_PORT: String(postgres),
    SANDBOX_PORT: '0',
    ENCRYPTION_KEYS: replayKeys,
    ...extra,
  };
  return {
    localDir,
    environment,
    start: () => startLocalService({ localDir, environment }),
    remove: () => rm(localDir, { recursive: true, force: true }),
  };
}

async function startLocalService(fixture: {
  localDir: string;
  environment: Record<string, string>;
}): Promise<LocalService> {
  const role: RoleProcess = startRole({ entry: 'scripts/start.ts', env: fixture.environment });
  try {
    await role.waitForLine(/^ready$/, startTimeoutMs);
  } catch (error) {
    await role.kill('SIGKILL');
    throw error;
  }
  const address = (what: RegExp): string => {
    const line = role
      .output()
      .split('\n')
      .find((candidate) => what.test(candidate));
    const found = /\s{2}(\S.*)$/.exec(line?.trim() ?? '')?.[1];
    if (found === undefined) throw new Error(`${String(what)} is not in the table:\n${role.output()}`);
    return found.trim();
  };
  const [username = '', password = ''] = address(/Demo login/).split(' / ');
  return {
    api: address(/^\s+API\s{2,}/).replace(/\/v1$/, ''),
    sandbox: address(/Rutter sandbox/),
    bankingSandbox: address(/Banking Service sandbox/),
    screens: address(/Connect a bank in Sage/).replace(/\/$/, ''),
    temporalAddress: `127.0.0.1:${fixture.environment['TEMPORAL_PORT'] ?? ''}`,
    temporalUi: address(/Temporal UI/),
    coreToken: address(/CORE_API_TOKEN/),
    opsToken: address(/OPS_API_TOKEN/),
    demo: { username, password },
    killRole: (name, signal = 'SIGKILL') => killRole(fixture.localDir, name, signal),
    allOutput: () => allOutput(fixture.localDir, role),
    stop: async (signal) => {
      await role.kill(signal);
    },
  };
}

interface RecordedChild {
  name: string;
  pid: number;
}

async function killRole(localDir: string, name: string, signal: NodeJS.Signals): Promise<void> {
  const read = async (): Promise<RecordedChild | undefined> => {
    const text = await readFile(join(localDir, 'run', 'children.json'), 'utf8');
    return (JSON.parse(text) as RecordedChild[]).find((child) => child.name === name);
  };
  const child = await read();
  if (child === undefined) throw new Error(`no process named ${name} is recorded`);
  process.kill(child.pid, signal);
  if (signal !== 'SIGKILL') return;
  await until(async () => (await read())?.pid !== child.pid, {
    timeoutMs: 60_000,
    describe: `${name} was started again`,
  });
}

async function allOutput(localDir: string, role: RoleProcess): Promise<string> {
  const folder = join(localDir, 'logs');
  const logs = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')));
  return [role.output(), ...logs].join('\n');
}
