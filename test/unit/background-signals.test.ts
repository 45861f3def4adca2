import { describe, expect, it, vi } from 'vitest';
import { createNudger } from '../../src/api/background-signals.js';

/** A nudger whose nudges end when the test says so. */
function controlled(limits: { concurrencyMax?: number; waitingMax?: number; restMs?: number } = {}) {
  const begun: { key: string; end: (error?: Error) => void }[] = [];
  const failed: string[] = [];
  const dropped: string[] = [];
  const nudger = createNudger({
    concurrencyMax: limits.concurrencyMax ?? 2,
    waitingMax: limits.waitingMax ?? 100,
    restMs: limits.restMs ?? 0,
    run: (key) =>
      new Promise((resolve, reject) => {
        begun.push({ key, end: (error) => (error === undefined ? resolve() : reject(error)) });
      }),
    onFailed: (key) => failed.push(key),
    onDropped: (key) => dropped.push(key),
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { nudger, begun, failed, dropped, settle };
}

describe('the nudger', () => {
  it('makes one nudge of a thousand, and one more for those that came while it was under way', async () => {
    const { nudger, begun, settle } = controlled();
    nudger.nudge('a');
    for (let count = 0; count < 1_000; count += 1) nudger.nudge('a');
    expect(begun.map(({ key }) => key)).toEqual(['a']);
    begun[0]!.end();
    await settle();
    expect(begun.map(({ key }) => key)).toEqual(['a', 'a']);
    begun[1]!.end();
    await settle();
    expect(begun).toHaveLength(2);
  });

  it('lets a key rest between two nudges, but no other key wait for it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      const { nudger, begun, settle } = controlled({ restMs: 250 });
      nudger.nudge('a');
      begun[0]!.end();
      await settle();
      nudger.nudge('a');
      nudger.nudge('b');
      expect(begun.map(({ key }) => key)).toEqual(['a', 'b']);
      vi.advanceTimersByTime(249);
      expect(begun).toHaveLength(2);
      vi.advanceTimersByTime(1);
      expect(begun.map(({ key }) => key)).toEqual(['a', 'b', 'a']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('has no more under way at a time than allowed, and forgets none that waits', async () => {
    const { nudger, begun, settle } = controlled({ concurrencyMax: 2 });
    for (const key of ['a', 'b', 'c', 'd']) nudger.nudge(key);
    expect(begun).toHaveLength(2);
    for (let index = 0; index < 4; index += 1) {
      begun[index]!.end();
      await settle();
    }
    expect(begun.map(({ key }) => key)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('goes on after a failed nudge and reports it', async () => {
    const { nudger, begun, failed, settle } = controlled({ concurrencyMax: 1 });
    nudger.nudge('a');
    nudger.nudge('b');
    begun[0]!.end(new Error('Temporal is away'));
    await settle();
    expect(failed).toEqual(['a']);
    expect(begun.map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('is bounded: beyond its limit a key is dropped and reported', () => {
    const { nudger, dropped } = controlled({ concurrencyMax: 1, waitingMax: 2 });
    for (const key of ['a', 'b', 'c', 'd', 'c']) nudger.nudge(key);
    expect(dropped).toEqual(['d']);
  });

  it('is drained when nothing waits or is under way, and not before', async () => {
    const { nudger, begun, settle } = controlled();
    await nudger.drained();
    nudger.nudge('a');
    nudger.nudge('a');
    let drained = false;
    const waiting = nudger.drained().then(() => (drained = true));
    begun[0]!.end();
    await settle();
    expect(drained).toBe(false);
    begun[1]!.end();
    await waiting;
  });
});
