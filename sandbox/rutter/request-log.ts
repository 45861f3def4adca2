import { Ring } from '../stand-in/ring.js';

/** Oldest entries are dropped beyond this number; the counters include them. */
export const requestLogMax = 10_000;

export interface LoggedRequest {
  at: string;
  method: string;
  /** The access_token is redacted. */
  path: string;
  connection_id: string | null;
  idempotency_key: string | null;
  /** 0 if no answer was sent (reset or hang). */
  status: number;
  error_code: string | null;
  job_id: string | null;
  replayed: boolean;
  duration_ms: number;
  /** Of a POST of transactions; else null. */
  transaction_count: number | null;
  body_sha256: string;
  faults: string[];
}

/** Since the process started. */
export interface Counters {
  requests: number;
  transaction_posts: number;
  transaction_posts_accepted: number;
  transaction_posts_replayed: number;
  transactions_received: number;
  transaction_list_reads: number;
  job_polls: number;
  account_reads: number;
  account_posts: number;
  otps: number;
  rate_limited: number;
  /** Transaction ids sent under a new key although they were booked or in flight. */
  resent_transactions: number;
}

/** The client's requests: the latest in a ring buffer, all of them in counters. */
export class RequestLog {
  readonly counters: Counters = {
    requests: 0,
    transaction_posts: 0,
    transaction_posts_accepted: 0,
    transaction_posts_replayed: 0,
    transactions_received: 0,
    transaction_list_reads: 0,
    job_polls: 0,
    account_reads: 0,
    account_posts: 0,
    otps: 0,
    rate_limited: 0,
    resent_transactions: 0,
  };
  readonly #ring = new Ring<LoggedRequest>(requestLogMax);

  add(entry: LoggedRequest): void {
    this.#ring.add(entry);
    this.#count(entry);
  }

  /** Oldest first. */
  list(): LoggedRequest[] {
    return this.#ring.list();
  }

  #count(entry: LoggedRequest): void {
    const path = entry.path.split('?')[0] ?? '';
    const { counters } = this;
    counters.requests += 1;
    if (entry.status === 429) counters.rate_limited += 1;
    if (path.startsWith('/jobs/')) counters.job_polls += 1;
    if (path === '/accounting/bank_feeds/otp') counters.otps += 1;
    if (path.startsWith('/accounting/bank_feeds/accounts')) {
      counters[entry.method === 'POST' ? 'account_posts' : 'account_reads'] += 1;
    }
    if (!path.startsWith('/accounting/bank_feeds/transactions')) return;
    if (entry.method !== 'POST') {
      counters.transaction_list_reads += 1;
      return;
    }
    counters.transaction_posts += 1;
    counters.transactions_received += entry.transaction_count ?? 0;
    if (entry.replayed) counters.transaction_posts_replayed += 1;
    else if (entry.job_id !== null) counters.transaction_posts_accepted += 1;
  }
}
