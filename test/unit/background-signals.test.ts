import { describe, expect, it, vi } from 'vitest';
import { createBackgroundSignals } from '../../src/api/background-signals.js';

/** Background signals whose wake-ups end when the test ends them. */
function controlled(limits: { inFlightMax?: number; waitingMax?: number; restMs?: number } = {}) {
  const begun: { key: string; end: (error?: Error) => void }[] = [];
  const failed: string[] = [];
  const dropped: string[] = [];
  const signals = createBackgroundSignals({
    inFlightMax: limits.inFlightMax ?? 2,
    waitingMax: limits.waitingMax ?? 100,
    restMs: limits.restMs ?? 0,
    send: (key) =>
      new Promise((resolve, reject) => {
        begun.push({ key, end: (error) => (error === undefined ? resolve() : reject(error)) });
      }),
    onFailed: (key) => failed.push(key),
    onDropped: (key) => dropped.push(key),
  });
  const complete = () => new Promise((resolve) => setImmediate(resolve));
  return { signals, begun, failed, dropped, complete };
}

describe('background signals', () => {
  it('merge a thousand wake-ups into one, and those that come during its delivery into one more', async () => {
    const { signals, begun, complete } = controlled();
    signals.wake('a');
    for (let count = 0; count < 1_000; count += 1) signals.wake('a');
    expect(begun.map(({ key }) => key)).toEqual(['a']);
    begun[0]!.end();
    await complete();
    expect(begun.map(({ key }) => key)).toEqual(['a', 'a']);
    begun[1]!.end();
    await complete();
    expect(begun).toHaveLength(2);
  });

  it('delay the next wake-up of a key, but not those of other keys', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      const { signals, begun, complete } = controlled({ restMs: 250 });
      signals.wake('a');
      begun[0]!.end();
      await complete();
      signals.wake('a');
      signals.wake('b');
      expect(begun.map(({ key }) => key)).toEqual(['a', 'b']);
      vi.advanceTimersByTime(249);
      expect(begun).toHaveLength(2);
      vi.advanceTimersByTime(1);
      expect(begun.map(({ key }) => key)).toEqual(['a', 'b', 'a']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('have no more calls in progress than allowed, and keep all that wait', async () => {
    const { signals, begun, complete } = controlled({ inFlightMax: 2 });
    for (const key of ['a', 'b', 'c', 'd']) signals.wake(key);
    expect(begun).toHaveLength(2);
    for (let index = 0; index < 4; index += 1) {
      begun[index]!.end();
      await complete();
    }
    expect(begun.map(({ key }) => key)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('report a failed wake-up and continue', async () => {
    const { signals, begun, failed, complete } = controlled({ inFlightMax: 1 });
    signals.wake('a');
    signals.wake('b');
    begun[0]!.end(new Error('Temporal is away'));
    await complete();
    expect(failed).toEqual(['a']);
    expect(begun.map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('drop and report a key beyond their limit', () => {
    const { signals, dropped } = controlled({ inFlightMax: 1, waitingMax: 2 });
    for (const key of ['a', 'b', 'c', 'd', 'c']) signals.wake(key);
    expect(dropped).toEqual(['d']);
  });

  it('are drained when nothing waits or is in progress, and not before', async () => {
    const { signals, begun, complete } = controlled();
    await signals.drained();
    signals.wake('a');
    signals.wake('a');
    let drained = false;
    const waiting = signals.drained().then(() => (drained = true));
    begun[0]!.end();
    await complete();
    expect(drained).toBe(false);
    begun[1]!.end();
    await waiting;
  });
});
