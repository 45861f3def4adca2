import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { listenForStop, onStop } from '../../src/process/stop-request.js';

const signals = ['SIGTERM', 'SIGINT'] as const;
const before = new Map(signals.map((signal) => [signal, process.listeners(signal)]));

/** As if the signal had come. */
function send(signal: (typeof signals)[number]): void {
  const added = process.listeners(signal).filter((listener) => !before.get(signal)?.includes(listener));
  for (const listener of added) listener(signal);
}

let exit: ReturnType<typeof vi.spyOn>;
beforeEach(() => {
  exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
});
afterEach(() => {
  for (const signal of signals) {
    for (const listener of process.listeners(signal)) {
      if (!before.get(signal)?.includes(listener)) process.removeListener(signal, listener);
    }
  }
});
let nowMs = 0;

describe('a request to stop', () => {
  it.each(signals)('by %s stops once, although npm and the terminal send the signal twice', (signal) => {
    const stop = vi.fn();
    onStop(listenForStop(), stop);
    send(signal);
    nowMs += 1_999;
    send(signal);
    expect(stop.mock.calls).toEqual([[signal]]);
    expect(exit).not.toHaveBeenCalled();
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('that is repeated after two seconds by %s ends the process with %d', (signal, code) => {
    onStop(listenForStop(), vi.fn());
    send('SIGTERM');
    nowMs += 2_000;
    send(signal);
    expect(exit.mock.calls).toEqual([[code]]);
  });

  it('that came before somebody waits for it is not lost', () => {
    const stopping = listenForStop();
    send('SIGTERM');
    const stop = vi.fn();
    onStop(stopping, stop);
    expect(stop.mock.calls).toEqual([['SIGTERM']]);
  });
});
