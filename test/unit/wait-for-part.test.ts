import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PartMissing, waitForPart } from '../../src/process/wait-for-part.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

function createLines() {
  const lines: [string, unknown][] = [];
  const write = (fields: unknown, message: string): void => void lines.push([message, fields]);
  return { lines, logger: { warn: write, info: write } as never };
}

const explain = (error: unknown): string | null => {
  const { message } = error as Error;
  return message === 'wrong' ? null : message;
};

/** Fails with each of the texts, then answers. */
function failing(...texts: string[]): () => Promise<string> {
  return () => {
    const text = texts.shift();
    return text === undefined ? Promise.resolve('there') : Promise.reject(new Error(text));
  };
}

/** `node:timers/promises` is not faked: every wait of the code under test is then real, and short. */
vi.mock('node:timers/promises', () => ({
  setTimeout: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
}));

async function passTime<T>(work: Promise<T>): Promise<T> {
  const done = work.then(
    () => true,
    () => true,
  );
  await vi.advanceTimersByTimeAsync(600_000);
  await done;
  return work;
}

describe('the wait for a missing part', () => {
  it('writes nothing when the part is there at once', async () => {
    const { lines, logger } = createLines();
    await expect(waitForPart({ part: 'P', attempt: failing(), explain, logger })).resolves.toBe('there');
    expect(lines).toEqual([]);
  });

  it('writes one line for a cause, however many tries it takes, one for another cause, and one at the end', async () => {
    const { lines, logger } = createLines();
    const attempt = failing('refused', 'refused', 'refused', 'no schema', 'no schema');
    await passTime(waitForPart({ part: 'P', attempt, explain, logger }));
    expect(lines).toEqual([
      ['waiting for a part', { part: 'P', cause: 'refused' }],
      ['waiting for a part', { part: 'P', cause: 'no schema' }],
      ['the wait for a part has ended', { part: 'P', waitedMs: 250 + 500 + 1_000 + 2_000 + 4_000 }],
    ]);
  });

  it('ends with one sentence when the time is over', async () => {
    const attempt = (): Promise<never> => Promise.reject(new Error('refused'));
    const waiting = waitForPart({ part: 'P', attempt, explain, logger: createLines().logger, maxMs: 60_000 });
    await expect(passTime(waiting)).rejects.toEqual(new PartMissing('P was waited for during 60 s: refused'));
  });

  it('does not wait for what does not come by waiting', async () => {
    const waiting = waitForPart({
      part: 'P',
      attempt: failing('wrong'),
      explain,
      logger: createLines().logger,
    });
    await expect(waiting).rejects.toThrow('wrong');
  });

  it('ends at once when the process is asked to stop, in an attempt that hangs as between two', async () => {
    const { logger } = createLines();
    for (const attempt of [() => new Promise<never>(() => undefined), failing('refused', 'refused')]) {
      const stopping = new AbortController();
      const waiting = waitForPart({ part: 'P', attempt, explain, logger, stopping: stopping.signal });
      setTimeout(() => stopping.abort('SIGTERM'), 100);
      await expect(passTime(waiting.catch((reason: unknown) => reason))).resolves.toBe('SIGTERM');
    }
  });
});
