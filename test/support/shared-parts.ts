import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTemporalCli } from '../../scripts/local/find-temporal-cli.js';
import { startPostgres } from '../../scripts/local/postgres.js';
import { startTemporalDevServer } from '../../scripts/local/temporal-dev-server.js';

/** A server that all projects of one run share, started when the first one needs it. */
export interface SharedPart<Value> {
  value: Value;
  stop(): Promise<void>;
}

type Start<Value> = () => Promise<SharedPart<Value>>;

/**
 * Vitest runs the global setup once for each project, in one process, and loads this file again each time. So what is
 * shared is kept at the process itself, under one name.
 */
const registryKey = 'bankfeeds.test.shared-parts';

type Registry = Map<string, Promise<SharedPart<unknown>>>;

function registry(): Registry {
  const holder = globalThis as unknown as Record<string, Registry | undefined>;
  return (holder[registryKey] ??= new Map<string, Promise<SharedPart<unknown>>>());
}

/** The part's value; starts it when nobody has. */
export async function sharedPart<Value>(name: string, start: Start<Value>): Promise<Value> {
  const parts = registry();
  const started = (parts.get(name) as Promise<SharedPart<Value>> | undefined) ?? start();
  parts.set(name, started);
  return (await started).value;
}

/** Ends every part that was started; harmless when none was. */
export async function stopSharedParts(): Promise<void> {
  const parts = registry();
  const started = [...parts.values()];
  parts.clear();
  await Promise.all(started.map((part) => part.then((running) => running.stop()).catch(() => undefined)));
}

/**
 * Ends these processes when this one is gone without having stopped them (kill -9, a closed terminal): they run in
 * sessions of their own and would keep running.
 *
 * @returns a function that ends the watch
 */
export function endWithThisProcess(pids: number[]): () => void {
  const script = 'parent=$1; shift; while kill -0 "$parent" 2>/dev/null; do sleep 1; done; kill -INT "$@"';
  const args = ['-c', script, 'sh', String(process.pid), ...pids.map(String)];
  const watch = spawn('sh', args, { stdio: 'ignore', detached: true });
  watch.unref();
  return () => void watch.kill('SIGKILL');
}

export const printLine = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** PostgreSQL that may lose data when the machine crashes, in a folder that is removed at the end. */
export async function startTestPostgres(): Promise<SharedPart<string>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'bankfeeds-test-postgres-'));
  const postgres = await startPostgres({
    dataDir,
    port: 0,
    durable: false,
    settings: { max_connections: '300', log_min_messages: 'fatal' },
  });
  const endWatch = endWithThisProcess([postgres.identity.pid]);
  return {
    value: postgres.url,
    stop: async () => {
      endWatch();
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The development server in memory, without its UI. */
export async function startTestTemporal(): Promise<SharedPart<{ address: string; cliPath: string }>> {
  const cliPath = await findTemporalCli({ printLine });
  const server = await startTemporalDevServer({ cliPath, port: 0 });
  const endWatch = endWithThisProcess([server.identity.pid]);
  const stop = async (): Promise<void> => {
    endWatch();
    await server.stop();
  };
  return { value: { address: server.address, cliPath }, stop };
}
