/** Sends wake-ups in the background: several for one key become one, and few are in flight at a time. */
export interface BackgroundSignals {
  /** Requests a wake-up of the key. Returns at once; the wake-up starts after all those requested before it. */
  wake(key: string): void;
  /** Completes when nothing is waiting or in flight. */
  drained(): Promise<void>;
}

/**
 * The first wake-up of a key is sent at once, the next one of the same key no earlier than `restMs` after it, so a burst
 * of calls becomes one or two signals. A key requested while its wake-up is in flight is sent once more afterwards, which
 * covers whatever was committed in between. A failed wake-up is reported and not repeated; beyond `waitingMax` keys the
 * newest is dropped and reported. Neither loses anything: the row is the truth, and the feed's own next check reads it.
 */
export function createBackgroundSignals(input: {
  send: (key: string) => Promise<void>;
  inFlightMax: number;
  waitingMax: number;
  restMs: number;
  onFailed: (key: string, error: unknown) => void;
  onDropped: (key: string) => void;
}): BackgroundSignals {
  const waiting = new Set<string>();
  const inFlight = new Set<string>();
  const resting = new Set<string>();
  const drainedCallbacks: (() => void)[] = [];

  const start = (key: string): void => {
    waiting.delete(key);
    inFlight.add(key);
    void input
      .send(key)
      .catch((error: unknown) => input.onFailed(key, error))
      .finally(() => {
        inFlight.delete(key);
        rest(key);
        startNext();
      });
  };
  const rest = (key: string): void => {
    if (input.restMs === 0) return;
    resting.add(key);
    setTimeout(() => {
      resting.delete(key);
      startNext();
    }, input.restMs);
  };
  const startNext = (): void => {
    for (const key of waiting) {
      if (inFlight.size >= input.inFlightMax) break;
      if (!inFlight.has(key) && !resting.has(key)) start(key);
    }
    if (waiting.size + inFlight.size > 0) return;
    for (const resolve of drainedCallbacks.splice(0)) resolve();
  };
  return {
    wake: (key) => {
      if (!waiting.has(key) && waiting.size >= input.waitingMax) {
        input.onDropped(key);
        return;
      }
      waiting.add(key);
      startNext();
    },
    drained: () =>
      waiting.size + inFlight.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => drainedCallbacks.push(() => resolve())),
  };
}
