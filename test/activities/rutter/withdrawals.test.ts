import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storePostings } from '../../../src/db/postings.js';
import { parsePosting, type PostingStatus, type ReceivedPosting } from '../../../src/domain/posting-input.js';
import { createDeliveryFixture, type DeliveryFixture } from '../../support/rutter/delivery-fixture.js';
import { until } from '../../support/until.js';

/*
 * A posted transaction is withdrawn until a feed has it in a batch. Building a batch and withdrawing lock the same rows,
 * so that each posting is either sent or withdrawn, never both, whoever comes first.
 */

const startDate = '2026-03-01T00:00:00.000Z';
let fixture: DeliveryFixture;
beforeAll(async () => (fixture = await createDeliveryFixture()));
afterAll(() => fixture.close());

function posting(id: string, status: PostingStatus = 'posted', minute = 0): ReceivedPosting {
  const parsed = parsePosting({
    value: {
      transaction_id: id,
      posted_at: new Date(Date.parse('2026-03-02T00:00:00Z') + minute * 60_000).toISOString(),
      amount: '-12.50',
      description: 'Card payment',
      transaction_type: 'debit',
      status,
    },
    currency: 'GBP',
    accountType: 'bank',
    signCheck: 'reject',
    timeZone: null,
    nowMs: Date.parse('2026-07-01T00:00:00Z'),
  });
  if ('problem' in parsed) throw new Error(JSON.stringify(parsed.problem));
  return parsed.posting;
}
const store = (feed: { accountId: string }, ...postings: ReceivedPosting[]) =>
  storePostings(fixture.pool, { accountId: feed.accountId, currency: 'GBP', postings });
const statusOf = async (feed: { accountId: string }, id: string) => {
  const { rows } = await fixture.pool.query<{ status: string }>(
    `SELECT status FROM postings WHERE account_id = $1 AND transaction_id = $2`,
    [feed.accountId, id],
  );
  return rows[0]?.status;
};
/** Until a statement waits for a row lock, or the call that should wait has ended. */
const waitsForLock = (call: { ended: boolean }) =>
  until(
    async () => {
      if (call.ended) return true;
      const { rows } = await fixture.pool.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    },
    { timeoutMs: 5_000, describe: 'a statement waits for a row lock' },
  );

describe('the withdrawal of a posted transaction', () => {
  it('keeps it from being sent', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await store(feed, posting('wrong'), posting('right'));
    expect(await store(feed, posting('wrong', 'void'))).toMatchObject({ accepted: 1, conflicts: [] });
    await fixture.untilCaughtUp(feed);
    expect(await fixture.bookedIds(feed)).toEqual(['right']);
  });

  it('waits for a batch that is being built, and then comes too late', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await store(feed, posting('p'));
    const builder = await fixture.pool.connect();
    try {
      await builder.query('BEGIN');
      await builder.query(`SELECT 1 FROM feeds WHERE feed_id = $1 FOR UPDATE`, [feed.feedId]);
      const withdrawal = store(feed, posting('p', 'void'), posting('other'));
      const call = { ended: false };
      void withdrawal.finally(() => (call.ended = true));
      await waitsForLock(call);
      expect(call.ended).toBe(false);
      await builder.query(
        `INSERT INTO ledger (feed_id, transaction_id, batch_id, position) VALUES ($1, 'p', gen_random_uuid(), 0)`,
        [feed.feedId],
      );
      await builder.query('COMMIT');
      expect(await withdrawal).toMatchObject({
        accepted: 1,
        conflicts: [{ transactionId: 'p', code: 'already_in_batch' }],
      });
    } finally {
      builder.release();
    }
    expect(await statusOf(feed, 'p')).toBe('posted');
  });

  it('holds up no ingestion of other content while a batch is being built', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const builder = await fixture.pool.connect();
    try {
      await builder.query('BEGIN');
      await builder.query(`SELECT 1 FROM feeds WHERE feed_id = $1 FOR UPDATE`, [feed.feedId]);
      expect(await store(feed, posting('a'), posting('b', 'pending'))).toMatchObject({ accepted: 2 });
    } finally {
      await builder.query('ROLLBACK');
      builder.release();
    }
  });

  it('and its delivery never both happen, however they overlap', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const ids = Array.from({ length: 120 }, (_, index) => `r-${String(index).padStart(3, '0')}`);
    const refused = new Set<string>();
    const withdraw = async (id: string, minute: number) => {
      const { conflicts } = await store(feed, posting(id, 'void', minute));
      for (const { code } of conflicts) expect(code).toBe('already_in_batch');
      if (conflicts.length > 0) refused.add(id);
    };
    for (const [index, id] of ids.entries()) {
      await store(feed, posting(id, 'posted', index));
      // One run in flight and the withdrawals of the last postings beside it.
      if (index % 12 === 11) {
        const last = ids.slice(index - 11, index + 1);
        await Promise.all([
          fixture.deliveryRun(feed),
          ...last.map((each, place) => withdraw(each, index - 11 + place)),
        ]);
      }
    }
    await fixture.untilCaughtUp(feed);
    expect((await fixture.bookedIds(feed)).sort()).toEqual([...refused].sort());
    for (const id of ids) expect(await statusOf(feed, id)).toBe(refused.has(id) ? 'posted' : 'void');
    expect((await fixture.violations()).violations).toEqual([]);
  });
});
