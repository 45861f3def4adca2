import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { poisonNamings } from '../../../sandbox/rutter/faults.js';
import { countByDeliveryStatus, listPostingsWithStatus } from '../../../src/db/rutter/delivery-status.js';
import { deliveryLimits } from '../../../src/domain/rutter/delivery-limits.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

/*
 * Any bad postings of a batch, named in any way, with a sender that fails in the middle and postings that arrive
 * meanwhile: the plan's own tests are in `test/unit/rutter/bisection-plan.test.ts`, this one adds its storage.
 */

const startDate = '2026-03-01T00:00:00.000Z';
const firstDay = '2026-03-05T00:00:00.000Z';
const batchPost = { method: 'POST', path: 'bank_feeds/transactions' };
const runsMax = 8;
const deliveryRunsMax = 6;
let fixture: DeliveryFixture;

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});

interface Case {
  readonly size: number;
  readonly bad: readonly number[];
  readonly naming: (typeof poisonNamings)[number] | null;
  /** The POST that never reaches Rutter, after which its sender is gone; 0: none. */
  readonly lostPost: number;
  readonly arrivals: number;
}

const cases: fc.Arbitrary<Case> = fc.integer({ min: 2, max: 70 }).chain((size) => {
  const number = fc.integer({ min: 1, max: size });
  const cluster = fc
    .tuple(number, fc.integer({ min: 1, max: 20 }))
    .map(([from, length]) => Array.from({ length }, (_, index) => from + index).filter((n) => n <= size));
  return fc.record({
    size: fc.constant(size),
    bad: fc
      .array(cluster, { minLength: 1, maxLength: 4 })
      .map((clusters) => [...new Set(clusters.flat())].sort((a, b) => a - b)),
    naming: fc.constantFrom(null, ...poisonNamings),
    lostPost: fc.nat({ max: 20 }),
    arrivals: fc.nat({ max: 5 }),
  });
});

const idOf = (number: number): string => `tx-${String(number).padStart(6, '0')}`;

async function makeCase({ size, bad, naming, lostPost }: Case): Promise<DeliveryFeed> {
  await fixture.control('DELETE', '/faults');
  const feed = await fixture.makeFeed({ startDate });
  await fixture.addPostings(feed, postingsFrom({ from: firstDay, count: size }));
  const named = naming === null ? { named: false } : { naming };
  const poison = { kind: 'poison', transaction_ids: bad.map(idOf), match: batchPost, ...named };
  await fixture.control('POST', '/faults', poison);
  if (lostPost > 0) {
    const lost = { kind: 'reset_before_effect', match: { ...batchPost, nth: lostPost }, times: 1 };
    await fixture.control('POST', '/faults', lost);
  }
  return feed;
}

async function deliver(feed: DeliveryFeed, arrivals: number): Promise<string | null> {
  for (let run = 0; run < deliveryRunsMax; run += 1) {
    const result = await fixture.deliveryRun(feed).catch(() => null);
    if (run === 0 && arrivals > 0) {
      await fixture.addPostings(feed, postingsFrom({ from: startDate, count: arrivals, prefix: 'early' }));
      continue;
    }
    if (result?.outcome === 'caught_up' || result?.outcome === 'waiting') return result.reason;
  }
  throw new Error('the feed neither catches up nor waits for a person');
}

async function checkFacts(feed: DeliveryFeed, bad: ReadonlySet<string>): Promise<void> {
  const booked = await fixture.bookedIds(feed);
  expect(booked.filter((id) => bad.has(id))).toEqual([]);
  const postings = await listPostingsWithStatus(fixture.pool, { feedId: feed.feedId, limit: 200 });
  const quarantined = postings.filter((posting) => posting.deliveryStatus === 'quarantined');
  expect(quarantined.map((posting) => posting.transactionId).filter((id) => !bad.has(id))).toEqual([]);
  if (quarantined.length > 0) expect(booked).not.toEqual([]);
  expect(postings.filter((posting) => posting.deliveryStatus === 'batched')).toEqual([]);
  const delivered = postings.filter((posting) => posting.deliveryStatus === 'delivered');
  expect(delivered.map((posting) => posting.transactionId).sort()).toEqual([...booked].sort());
  // I3: in order, but for those that are marked late.
  const late = new Set(delivered.filter((posting) => posting.late).map((posting) => posting.transactionId));
  const inOrder = booked.filter((id) => !late.has(id));
  expect(inOrder).toEqual([...inOrder].sort());
  // I2: each refused batch's attempt was final before the next key was made.
  const { rows } = await fixture.pool.query<{ overtaken: boolean }>(
    `SELECT lead(a.created_at) OVER (ORDER BY b.number, a.number) < a.final_at AS overtaken
       FROM batches b JOIN attempts a USING (batch_id) WHERE b.feed_id = $1`,
    [feed.feedId],
  );
  expect(rows.filter((row) => row.overtaken)).toEqual([]);
  expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
}

async function announcedOf({ feedId }: DeliveryFeed): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ id: string }>(
    `SELECT detail ->> 'transaction_id' AS id FROM timeline
      WHERE feed_id = $1 AND kind = 'posting_quarantined' ORDER BY 1`,
    [feedId],
  );
  return rows.map((row) => row.id);
}

it('any number and position of bad postings: nothing is lost, only bad ones are quarantined, and all others arrive', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async (input) => {
      const bad = new Set(input.bad.map(idOf));
      const feed = await makeCase(input);
      const posts = await fixture.posts();
      const reason = await deliver(feed, input.arrivals);
      expect((await fixture.posts()) - posts).toBeLessThanOrEqual(deliveryLimits.bisectionRequestsMax + 3);
      await checkFacts(feed, bad);
      const counts = await countByDeliveryStatus(fixture.pool, feed);
      const total = input.size + input.arrivals;
      if (reason === null) {
        expect(counts).toMatchObject({ delivered: total - bad.size, quarantined: bad.size, ready: 0 });
        expect(await announcedOf(feed)).toEqual([...bad].sort());
        return;
      }
      // Nothing of eight places was accepted, or more than fifty are bad.
      expect(reason).toBe('rejected_by_provider');
      expect(counts.delivered + counts.quarantined + counts.ready).toBe(total);
      expect(await announcedOf(feed)).toHaveLength(counts.quarantined);
      await fixture.control('DELETE', '/faults');
      await fixture.pool.query(`UPDATE feeds SET reason = NULL WHERE feed_id = $1`, [feed.feedId]);
      expect(await deliver(feed, 0)).toBeNull();
      const after = await countByDeliveryStatus(fixture.pool, feed);
      expect(after).toMatchObject({ delivered: total - counts.quarantined, ready: 0, batched: 0 });
    }),
    { seed: 8, numRuns: runsMax },
  );
});
