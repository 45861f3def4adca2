import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openChildrenRecord } from '../../scripts/local/children-record.js';
import { takeLock } from '../../scripts/local/lock.js';
import { identifyProcess, isSameProcess } from '../../scripts/local/process-identity.js';

let folder: string;
const started: ReturnType<typeof spawn>[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bankfeeds-lock-'));
});

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

async function sleeper(): Promise<{ child: ReturnType<typeof spawn>; pid: number }> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  started.push(child);
  await once(child, 'spawn');
  return { child, pid: child.pid! };
}

test('a second start learns which process holds the folder, and gets it after the release', async () => {
  const path = join(folder, 'held.lock');
  const lock = await takeLock(path);
  expect(await takeLock(path)).toEqual({ heldBy: await identifyProcess(process.pid) });
  if ('heldBy' in lock) throw new Error('the first lock was refused');
  await lock.release();
  expect(await takeLock(path)).not.toHaveProperty('heldBy');
});

test('the lock of a killed start is taken over', async () => {
  const path = join(folder, 'stale.lock');
  const { child, pid } = await sleeper();
  await writeFile(path, JSON.stringify(await identifyProcess(pid)));
  expect(await takeLock(path)).toHaveProperty('heldBy.pid', pid);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await takeLock(path)).not.toHaveProperty('heldBy');
});

test('another process with the ended holder’s id does not hold the lock', async () => {
  const path = join(folder, 'reused.lock');
  await writeFile(path, JSON.stringify({ pid: process.pid, started: 'long ago' }));
  expect(await takeLock(path)).not.toHaveProperty('heldBy');
});

test('an incomplete lock, after a power failure, is taken over', async () => {
  const path = join(folder, 'half.lock');
  await writeFile(path, '{"pid": 12');
  expect(await takeLock(path)).not.toHaveProperty('heldBy');
});

test('of four starts at once exactly one gets a stale lock, and no files remain', async () => {
  const own = await mkdtemp(join(folder, 'race-'));
  const path = join(own, 'race.lock');
  await writeFile(path, JSON.stringify({ pid: process.pid, started: 'long ago' }));
  const script = `
    import { takeLock } from ${JSON.stringify(new URL('../../scripts/local/lock.ts', import.meta.url).href)};
    const lock = await takeLock(${JSON.stringify(path)}).catch(() => ({ heldBy: 'unsettled' }));
    console.log('heldBy' in lock ? 'refused' : 'taken');
    if (!('heldBy' in lock)) setTimeout(() => {}, 60_000);
  `;
  const answers = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
      started.push(child);
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      return line.toString().trim();
    }),
  );
  expect(answers.filter((answer) => answer === 'taken')).toHaveLength(1);
  expect(await readdir(own)).toEqual(['race.lock']);
});

test('a leftover child is ended by the next start, a stranger with its number is not', async () => {
  const path = join(folder, 'children.json');
  const ours = await sleeper();
  const stranger = await sleeper();
  const first = await openChildrenRecord({ path, printLine: () => undefined });
  await first.add('api', (await identifyProcess(ours.pid))!);
  await first.add('worker', { pid: stranger.pid, started: 'another start' });
  const identity = (await identifyProcess(ours.pid))!;

  const said: string[] = [];
  await openChildrenRecord({ path, printLine: (line) => said.push(line) });
  expect(await isSameProcess(identity)).toBe(false);
  expect(await identifyProcess(stranger.pid)).toBeDefined();
  expect(said).toEqual(['ending api, left running by a start that was killed']);
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual([]);
});
