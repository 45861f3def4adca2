import type { ClockReading } from '../../domain/clock-difference.js';

/** A `fetch` that keeps the clock of the last answer, from its `Date`, which is cut to whole seconds. */
export interface ClockedFetch {
  readonly fetch: typeof fetch;
  /** Null before the first answer with a `Date`. */
  readonly lastReading: () => ClockReading | null;
}

/** `nowMs`: the clock of ours by which the other is read. */
export function createClockedFetch(nowMs: () => number): ClockedFetch {
  let last: ClockReading | null = null;
  return {
    fetch: async (input, init) => {
      const beforeMs = nowMs();
      const response = await fetch(input, init);
      const serverMs = Date.parse(response.headers.get('date') ?? '');
      if (!Number.isNaN(serverMs)) last = { beforeMs, serverMs, afterMs: nowMs() };
      return response;
    },
    lastReading: () => last,
  };
}
