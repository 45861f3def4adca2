/** Sends wake-ups in the background: many for one key are one, and few are under way at a time. */
export interface BackgroundSignals {
  /** Asks for a wake-up of the key. Answers at once; the wake-up begins after everything asked for before it. */
  wake(key: string): void;
  /** Completes when nothing is waiting or under way. */
  drained(): Promise<void>;
}

/**
 * The first wake-up of a key goes at once; the next one of the same key not before `restMs` after it, so a burst of calls
 * is a signal or two. A key asked for while its wake is under way is woken once more afterwards: what was committed in between is
 * covered. A failed wake is reported and not repeated, and beyond `waitingMax` keys the newest is dropped and
 * reported: the row is the truth, and the feed's own next check finds what no signal told of.
 */
export function createBackgroundSignals(input: {
  run: (key: string) => Promise<void>;
  concurrencyMax: number;
  waitingMax: number;
  restMs: number;
  onFailed: (key: string, error: unknown) => void;
  onDropped: (key: string) => void;
}): BackgroundSignals {
  const waiting = new Set<string>();
  const underWay = new Set<string>();
  const resting = new Set<string>();
  const idle: (() => void)[] = [];

  const begin = (key: string): void => {
    waiting.delete(key);
    underWay.add(key);
    void input
      .run(key)
      .catch((error: unknown) => input.onFailed(key, error))
      .finally(() => {
        underWay.delete(key);
        rest(key);
        pump();
      });
  };
  const rest = (key: string): void => {
    if (input.restMs === 0) return;
    resting.add(key);
    setTimeout(() => {
      resting.delete(key);
      pump();
    }, input.restMs);
  };
  const pump = (): void => {
    for (const key of waiting) {
      if (underWay.size >= input.concurrencyMax) break;
      if (!underWay.has(key) && !resting.has(key)) begin(key);
    }
    if (waiting.size + underWay.size > 0) return;
    for (const resolve of idle.splice(0)) resolve();
  };
  return {
    wake: (key) => {
      if (!waiting.has(key) && waiting.size >= input.waitingMax) {
        input.onDropped(key);
        return;
      }
      waiting.add(key);
      pump();
    },
    drained: () =>
      waiting.size + underWay.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => idle.push(() => resolve())),
  };
}
