import { createHmac } from 'node:crypto';
import { CoreBanking } from '../../../scripts/chaos/core-banking.js';
import { makeFeeds, type ChaosFeed } from '../../../scripts/chaos/feeds.js';
import { Checker } from '../../../scripts/chaos/checker.js';
import { seededRandom } from '../../../scripts/chaos/seeded-random.js';
import { openStack, type Stack } from '../../../scripts/chaos/stack.js';
import { printLine } from '../shared-parts.js';
import { until } from '../until.js';

/** The whole service as real processes that can be taken down, core banking in front, the sandbox as the checker. */
export interface OutageFixture {
  readonly stack: Stack;
  readonly core: CoreBanking;
  readonly feeds: readonly ChaosFeed[];
  /** One call of core banking, as it comes: no retry. */
  ingest(feed: ChaosFeed, transactionId: string): Promise<Response>;
  /** A webhook of Rutter with a good signature. */
  webhook(): Promise<Response>;
  /** Waits until everything that core banking sent is booked, once and in order, and nothing forbidden was done. */
  untilDelivered(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

const callMs = 40_000;

/** `outageMs`: the longest outage that ingestion will have; 0 by default. */
export async function openOutageFixture(input: { outageMs?: number } = {}): Promise<OutageFixture> {
  const stack = await openStack({ printLine: printLine, keep: false, wired: true });
  try {
    await stack.rutter.turnKnobs({ jobRunMs: 100 });
    const feeds = await makeFeeds(stack, { connections: 3, feedsEach: 2 });
    const core = new CoreBanking(stack, feeds, seededRandom(1), input.outageMs);
    const checker = new Checker(stack, feeds, core);
    const post = (path: string, headers: Record<string, string>, body: string): Promise<Response> =>
      fetch(`${stack.apiUrl}${path}`, {
        ...{ method: 'POST', headers, body },
        signal: AbortSignal.timeout(callMs),
      });
    return {
      ...{ stack, core, feeds },
      ingest: (feed, id) =>
        post(
          `/v1/accounts/${feed.accountId}/transactions`,
          { authorization: `Bearer ${stack.coreToken}`, 'content-type': 'application/json' },
          JSON.stringify({ transactions: [onePosting(id)] }),
        ),
      webhook: () => {
        const body = JSON.stringify({ type: 'CONNECTION', code: 'UPDATED', connection_id: 'none-of-ours' });
        const signature = createHmac('sha256', stack.credentials.clientSecret).update(body).digest('base64');
        return post('/webhooks/rutter', { 'x-rutter-signature': `sha256=${signature}` }, body);
      },
      untilDelivered: (timeoutMs) => untilDelivered({ stack, feeds, core, checker, timeoutMs }),
      close: () => stack.close(),
    };
  } catch (error) {
    await stack.close();
    throw error;
  }
}

async function untilDelivered(input: {
  stack: Stack;
  feeds: readonly ChaosFeed[];
  core: CoreBanking;
  checker: Checker;
  timeoutMs: number;
}): Promise<void> {
  const { stack, feeds, core, checker, timeoutMs } = input;
  for (const feed of feeds) {
    const booked = async (): Promise<boolean> => {
      const { count } = await stack.rutter.book({ rutterAccountId: feed.rutterAccountId, offset: 0 });
      return count >= core.sent(feed);
    };
    await until(booked, { timeoutMs, everyMs: 200, describe: `all of feed ${feed.feedId} is booked` });
  }
  const { faults } = await checker.check();
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

/** Older than the start date of every feed: it is stored, and never sent. */
function onePosting(transactionId: string): unknown {
  return {
    transaction_id: transactionId,
    posted_at: '2023-06-01T08:00:00.000Z',
    amount: '-1.00',
    description: 'A posting of its own',
    transaction_type: 'debit',
  };
}
