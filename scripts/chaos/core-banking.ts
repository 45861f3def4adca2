import { setTimeout as sleep } from 'node:timers/promises';
import type { KillFeed } from './feeds.js';
import type { SeededRandom } from './seeded-random.js';
import type { Stack } from './stack.js';

/** Postings that the API has acknowledged. */
export interface Acknowledged {
  readonly feed: KillFeed;
  /** When the call began, epoch ms. */
  readonly begunAtMs: number;
  readonly firstId: string;
}

const firstPostingMs = Date.parse('2024-02-01T08:00:00.000Z');
const secondMs = 1_000;
const postingsACall = 20;
/** Calls a second, and calls under way at once. */
const callsPerSecond = 8;
const pumps = 4;
const callMs = 15_000;
/** Core banking sends the same again until it is acknowledged. */
const retryMs = 250;
/** Beyond an outage of ingestion. */
const acknowledgedMs = 120_000;
const rememberedMax = 500;

/**
 * Plays core banking: sends postings to the ingestion API, each account's one after the other, and the same again until
 * they are acknowledged, as one that lost an answer would. What it has sent is what must be in the book at the end.
 */
export class CoreBanking {
  private readonly sentCounts = new Map<string, number>();
  private readonly busy = new Set<string>();
  private readonly recent: Acknowledged[] = [];
  private running: Promise<unknown> | undefined;
  private stopped = false;
  private failure: Error | undefined;
  acknowledgedCount = 0;
  /** Calls that were not acknowledged at once: refused, cut, or not reached. */
  failedCalls = 0;

  constructor(
    private readonly stack: Stack,
    private readonly feeds: readonly KillFeed[],
    private readonly random: SeededRandom,
    /** The longest that ingestion is taken away on purpose. */
    private readonly outageMs = 0,
  ) {}

  /** How many postings of the account must be at Rutter in the end. */
  sent(feed: KillFeed): number {
    return this.sentCounts.get(feed.accountId) ?? 0;
  }

  /** Those whose call began after `sinceMs`. */
  acknowledgedSince(sinceMs: number): Acknowledged[] {
    return this.recent.filter((call) => call.begunAtMs > sinceMs);
  }

  /** Goes on sending small lots to feeds drawn at random. */
  start(): void {
    this.running = Promise.all(Array.from({ length: pumps }, () => this.pump()));
    // Told by `stop` and `throwIfFailed`, not as an unhandled rejection in the middle of a kill.
    this.running.catch(
      (error: unknown) => (this.failure = error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** @throws what ended the sending, if anything did */
  throwIfFailed(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Sends no more; completes when everything sent is acknowledged. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  /** Sends the next `count` postings of one account and waits for the acknowledgement. */
  async send(feed: KillFeed, count: number): Promise<void> {
    const first = this.sent(feed);
    const transactions = Array.from({ length: count }, (_, index) => posting(first + index));
    // From now on they may be stored, whatever we hear of it.
    this.sentCounts.set(feed.accountId, first + count);
    const patienceMs = acknowledgedMs + this.outageMs;
    const deadline = Date.now() + patienceMs;
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
          `postings of ${feed.accountId} were not acknowledged in ${String(patienceMs / 1_000)} s`,
        );
      await sleep(retryMs);
    }
  }

  private async pump(): Promise<void> {
    while (!this.stopped) {
      const startedMs = performance.now();
      const feed = this.random.oneOf(this.feeds);
      if (!this.busy.has(feed.accountId)) {
        this.busy.add(feed.accountId);
        await this.send(feed, postingsACall);
        this.busy.delete(feed.accountId);
      }
      const restMs = (1_000 * pumps) / callsPerSecond - (performance.now() - startedMs);
      await sleep(Math.max(0, restMs));
    }
  }

  private async call(feed: KillFeed, transactions: unknown[]): Promise<boolean> {
    try {
      const response = await fetch(`${this.stack.apiUrl}/v1/accounts/${feed.accountId}/transactions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${this.stack.coreToken}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ transactions }),
        signal: AbortSignal.timeout(callMs),
      });
      await response.arrayBuffer();
      if (response.ok) return true;
      // Anything but "come again" would be the service's answer to postings that are in order: a fault of its own.
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
    super(`the API answered ${String(status)} to postings that are in order`);
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
