import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isSameProcess } from '../../scripts/local/process-identity.js';
import type { ProcessIdentity } from '../../scripts/local/process-identity.js';
import { startRole, until } from '../support/processes.js';
import type { RoleProcess } from '../support/processes.js';

let folder: string;
const starts: RoleProcess[] = [];

const readyMs = 240_000;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bankfeeds-start-'));
});

afterAll(async () => {
  for (const each of starts) await each.kill('SIGKILL');
  // A last start ends whatever a killed one left, and is then ended itself.
  const last = start();
  await last.waitForLine(/^ready$/, readyMs);
  await last.kill('SIGTERM');
  await rm(folder, { recursive: true, force: true });
});

function start(env: Record<string, string> = {}): RoleProcess {
  const ports = {
    PORT: '0',
    SANDBOX_PORT: '0',
    POSTGRES_PORT: '0',
    TEMPORAL_PORT: '0',
    TEMPORAL_UI_PORT: '0',
  };
  const started = startRole({
    entry: 'scripts/start.ts',
    env: { ...ports, LOCAL_DIR: join(folder, 'local'), ...env },
  });
  starts.push(started);
  return started;
}

async function children(): Promise<(ProcessIdentity & { name: string })[]> {
  const text = await readFile(join(folder, 'local', 'run', 'children.json'), 'utf8');
  return JSON.parse(text) as (ProcessIdentity & { name: string })[];
}

function valueOf(output: string, name: string): string {
  return new RegExp(`${name} +(\\S+)`).exec(output)?.[1] ?? `no ${name} was printed`;
}

test('a start that was killed leaves nothing that hinders the next one, which has the same data and tokens', async () => {
  const first = start();
  await first.waitForLine(/^ready$/, readyMs);
  const before = await children();
  expect(before.map((child) => child.name).sort()).toEqual(['api', 'sandbox', 'temporal', 'worker']);

  // While it runs, a second start on the same data is refused in one sentence.
  const second = start();
  expect((await second.exited).code).toBe(1);
  expect(second.output()).toMatch(/^Another start \(process \d+\) uses .*\n$/);

  await first.kill('SIGKILL');
  const third = start();
  await third.waitForLine(/^ready$/, readyMs);
  for (const child of before) expect([child.name, await isSameProcess(child)]).toEqual([child.name, false]);
  const token = valueOf(third.output(), 'CORE_API_TOKEN');
  expect(token).toBe(valueOf(first.output(), 'CORE_API_TOKEN'));
  const api = valueOf(third.output(), 'API');
  const feeds = await fetch(`${api}/feeds`, { headers: { authorization: `Bearer ${token}` } });
  expect(feeds.status).toBe(200);

  // A role that dies is started again.
  const worker = (await children()).find((child) => child.name === 'worker');
  if (worker === undefined) throw new Error('there is no worker');
  process.kill(worker.pid, 'SIGKILL');
  const now = await until(
    async () => {
      const found = (await children()).find((child) => child.name === 'worker');
      return found?.pid === worker.pid ? undefined : found;
    },
    { timeoutMs: 30_000, describe: 'the worker runs again' },
  );
  expect(await isSameProcess(now)).toBe(true);

  const running = await children();
  expect(await third.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  for (const child of running) expect([child.name, await isSameProcess(child)]).toEqual([child.name, false]);
});

test('a folder that contains other files is refused, so that --fresh can never remove them', async () => {
  const refused = start({ LOCAL_DIR: '/etc' });
  expect((await refused.exited).code).toBe(1);
  expect(refused.output()).toBe('LOCAL_DIR /etc contains other files: set it to a new or empty folder.\n');
});
