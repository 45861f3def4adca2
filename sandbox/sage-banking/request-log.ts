import { Ring } from '../stand-in/ring.js';

/** Oldest entries are dropped beyond this number; the counters include them. */
export const requestLogMax = 10_000;

export interface LoggedRequest {
  at: string;
  method: string;
  /** Without signatures. */
  path: string;
  application_id: string | null;
  company_id: string | null;
  /** 0 if no answer was sent (reset or hang). */
  status: number;
  error_code: string | null;
  duration_ms: number;
  faults: string[];
}

/** The client's requests: the latest in a ring buffer, and counters by route name since the process started. */
export class SageRequestLog {
  readonly counters: Record<string, number> = { requests: 0, rate_limited: 0 };
  readonly #ring = new Ring<LoggedRequest>(requestLogMax);

  add(entry: LoggedRequest, counter: string | undefined): void {
    this.#ring.add(entry);
    this.#count('requests');
    if (entry.status === 429) this.#count('rate_limited');
    if (counter !== undefined) this.#count(counter);
  }

  /** Oldest first. */
  list(): LoggedRequest[] {
    return this.#ring.list();
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] ?? 0) + 1;
  }
}
