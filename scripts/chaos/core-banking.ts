import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededFeed } from '../../test/support/rutter/seed-feed.js';
import type { SeededRandom } from './seeded-random.js';
import type { Stack } from './stack.js';

/** One call whose postings the API has acknowledged. */
export interface Acknowledged {
  readonly feed: SeededFeed;
  /** When the call began, epoch ms. */
  readonly begunAtMs: number;
  readonly firstId: string;
}

const firstPostingMs = Date.parse('2024-02-01T08:00:00.000Z');
const secondMs = 1_000;
const postingsACall = 20;
/** Rate of calls, and concurrent senders. */
const callsPerSecond = 8;
const senders = 4;
const callMs = 15_000;
/** Wait before an unacknowledged call is repeated. */
const retryMs = 250;
/** Longest wait for an acknowledgement, in addition to a planned outage of ingestion. */
const acknowledgedMs = 120_000;
const rememberedMax = 500;

/**
 * Simulates core banking: sends postings to the ingestion API, one call at a time per account, and repeats each call
 * until it is acknowledged. At the end, the book must contain exactly the sent postings.
 */
export class CoreBanking {
  private readonly sentCounts = new Map<string, number>();
  private readonly busy = new Set<string>();
  private readonly recent: Acknowledged[] = [];
  private running: Promise<unknown> | undefined;
  private stopped = false;
  private failure: Error | undefined;
  private readonly coreToken: string;
  private apiUrl: string;
  acknowledgedCount = 0;
  /** Calls that were not acknowledged: refused, interrupted or not connected. */
  failedCalls = 0;

  constructor(
    stack: Pick<Stack, 'apiUrl' | 'coreToken'>,
    private readonly feeds: readonly SeededFeed[],
    private readonly random: SeededRandom,
    /** The longest planned outage of ingestion. */
    private readonly outageMs = 0,
  ) {
    this.apiUrl = stack.apiUrl;
    this.coreToken = stack.coreToken;
  }

  /** From now on calls go to another API process. */
  sendTo(apiUrl: string): void {
    this.apiUrl = apiUrl;
  }

  /** The number of postings of the account that must be at Rutter in the end. */
  sent(feed: SeededFeed): number {
    return this.sentCounts.get(feed.accountId) ?? 0;
  }

  /** Calls that began after `sinceMs`. */
  acknowledgedSince(sinceMs: number): Acknowledged[] {
    return this.recent.filter((call) => call.begunAtMs > sinceMs);
  }

  /** Starts to send small batches to random feeds, until `stop`. */
  start(): void {
    this.running = Promise.all(Array.from({ length: senders }, () => this.sendContinuously()));
    // `stop` and `throwIfFailed` report it; it must not become an unhandled rejection during a kill.
    this.running.catch(
      (error: unknown) => (this.failure = error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** @throws the error that stopped the senders, if there is one */
  throwIfFailed(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Stops sending; resolves when every call is acknowledged. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  /** Sends the next `count` postings of one account and waits for the acknowledgement. */
  async send(feed: SeededFeed, count: number): Promise<void> {
    const first = this.sent(feed);
    const transactions = Array.from({ length: count }, (_, index) => posting(first + index));
    // From now on they may be stored, acknowledged or not.
    this.sentCounts.set(feed.accountId, first + count);
    const timeoutMs = acknowledgedMs + this.outageMs;
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const begunAtMs = Date.now();
      if (await this.call(feed, transactions)) {
        this.acknowledgedCount += count;
        this.recent.push({ feed, begunAtMs, firstId: postingId(first) });
        if (this.recent.length > rememberedMax) this.recent.shift();
        return;
      }
      if (Date.now() > deadline)
        throw new Error(
          `postings of ${feed.accountId} were not acknowledged in ${String(timeoutMs / 1_000)} s`,
        );
      await sleep(retryMs);
    }
  }

  private async sendContinuously(): Promise<void> {
    while (!this.stopped) {
      const startedMs = performance.now();
      const feed = this.random.oneOf(this.feeds);
      if (!this.busy.has(feed.accountId)) {
        this.busy.add(feed.accountId);
        await this.send(feed, postingsACall);
        this.busy.delete(feed.accountId);
      }
      const restMs = (1_000 * senders) / callsPerSecond - (performance.now() - startedMs);
      await sleep(Math.max(0, restMs));
    }
  }

  private async call(feed: SeededFeed, transactions: unknown[]): Promise<boolean> {
    try {
      const response = await fetch(`${this.apiUrl}/v1/accounts/${feed.accountId}/transactions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${this.coreToken}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ transactions }),
        signal: AbortSignal.timeout(callMs),
      });
      await response.arrayBuffer();
      if (response.ok) return true;
      // The postings are valid: any error but 503 is a fault of the service.
      if (response.status !== 503) throw new UnexpectedAnswer(response.status);
    } catch (error) {
      if (error instanceof UnexpectedAnswer) throw error;
    }
    this.failedCalls += 1;
    return false;
  }
}

class UnexpectedAnswer extends Error {
  constructor(status: number) {
    super(`the API answered ${String(status)} to valid postings`);
  }
}

/** The n-th posting of an account, counted from 0; ids sort as they are numbered. */
export function postingId(index: number): string {
  return `tx-${String(index + 1).padStart(8, '0')}`;
}

function posting(index: number): unknown {
  return {
    transaction_id: postingId(index),
    posted_at: new Date(firstPostingMs + index * secondMs).toISOString(),
    amount: (-(1_000 + (index % 9_000)) / 100).toFixed(2),
    description: `Card payment ${postingId(index)}`,
    transaction_type: 'debit',
  };
}
