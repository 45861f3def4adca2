/** The longest delay of setTimeout; a longer one overflows to 1 ms. */
const timerDelayMaxMs = 2 ** 31 - 1;

interface Timer {
  dueMs: number;
  run: () => void;
  handle: NodeJS.Timeout | undefined;
}

/**
 * Wall clock plus a settable offset. Every wait of the sandbox (jobs, the synchronous window, webhook retries) hangs
 * on it, so moving the offset crosses expiries and finishes jobs at once. Times are epoch milliseconds.
 */
export class VirtualClock {
  #offsetMs = 0;
  readonly #timers = new Set<Timer>();

  get offsetMs(): number {
    return this.#offsetMs;
  }

  nowMs(): number {
    return Date.now() + this.#offsetMs;
  }

  /** Moves the clock to `Date.now() + offsetMs`; timers that became due fire on the next turn of the loop. */
  setOffset(offsetMs: number): void {
    this.#offsetMs = offsetMs;
    for (const timer of this.#timers) this.#arm(timer);
  }

  /** Runs `run` once at `dueMs`; the returned function cancels it. */
  schedule(dueMs: number, run: () => void): () => void {
    const timer: Timer = { dueMs, run, handle: undefined };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => this.#drop(timer);
  }

  /** Resolves after `ms` of virtual time; never rejects, and never resolves after close(). */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(this.nowMs() + ms, resolve);
    });
  }

  close(): void {
    for (const timer of this.#timers) this.#drop(timer);
  }

  #arm(timer: Timer): void {
    clearTimeout(timer.handle);
    const delayMs = Math.min(Math.max(timer.dueMs - this.nowMs(), 0), timerDelayMaxMs);
    timer.handle = setTimeout(() => {
      if (timer.dueMs > this.nowMs()) return this.#arm(timer);
      this.#timers.delete(timer);
      timer.run();
    }, delayMs);
  }

  #drop(timer: Timer): void {
    clearTimeout(timer.handle);
    this.#timers.delete(timer);
  }
}
