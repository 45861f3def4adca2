import { spawn } from 'node:child_process';
import { afterAll, expect, test } from 'vitest';
import { identifyProcess, isSameProcess } from '../../scripts/local/process-identity.js';
import { childExited, identifyChild, stopProcess } from '../../scripts/local/running-part.js';
import type { RunningPart } from '../../scripts/local/running-part.js';
import { supervise } from '../../scripts/local/supervise.js';
import { until } from '../support/until.js';

const parts: RunningPart[] = [];

afterAll(async () => {
  for (const part of parts) await part.stop();
});

async function startSleeper(): Promise<RunningPart> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const exited = childExited(child);
  const identity = await identifyChild(child);
  const stop = (): Promise<void> => stopProcess(identity, [{ signal: 'SIGTERM', graceMs: 5_000 }]);
  const part = { identity, exited, stop };
  parts.push(part);
  return part;
}

test('what ends is started again, and what is stopped stays stopped', async () => {
  const started: RunningPart[] = [];
  const supervised = await supervise({
    name: 'sleeper',
    printLine: () => undefined,
    start: async () => {
      const part = await startSleeper();
      started.push(part);
      return part;
    },
  });
  process.kill(supervised.first.identity.pid, 'SIGKILL');
  const second = await until(() => started[1], { timeoutMs: 10_000, describe: 'it runs again' });
  expect(await isSameProcess(second.identity)).toBe(true);
  await supervised.stop();
  expect(await isSameProcess(second.identity)).toBe(false);
  expect(started).toHaveLength(2);
});

test('a stop in the middle of a slow restart does not wait for it, and nothing stays running', async () => {
  let starts = 0;
  let finishStart: (() => void) | undefined;
  let late: RunningPart | undefined;
  const supervised = await supervise({
    name: 'sleeper',
    printLine: () => undefined,
    start: async () => {
      const part = await startSleeper();
      starts += 1;
      if (starts === 2) {
        late = part;
        await new Promise<void>((resolve) => (finishStart = resolve));
      }
      return part;
    },
  });
  process.kill(supervised.first.identity.pid, 'SIGKILL');
  const finish = await until(() => finishStart, { timeoutMs: 10_000, describe: 'the restart is under way' });
  await supervised.stop();
  finish();
  await until(async () => (await identifyProcess(late!.identity.pid)) === undefined, {
    timeoutMs: 10_000,
    describe: 'the late one is stopped',
  });
});

test('a first start that fails is the caller’s failure, and is not tried again', async () => {
  let starts = 0;
  const failing = supervise({
    name: 'nothing',
    printLine: () => undefined,
    start: async () => {
      starts += 1;
      throw new Error('no such thing');
    },
  });
  await expect(failing).rejects.toThrow('no such thing');
  expect(starts).toBe(1);
});
