import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dbChannels } from '../../../src/db/channels.js';
import { readFeedView } from '../../../src/db/feed-views.js';
import { addDays } from '../../../src/domain/booking-day.js';
import {
  createDeliveryFixture,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

const startDate = '2026-03-01T00:00:00.000Z';
let fixture: DeliveryFixture;
beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  await fixture.control('POST', '/knobs', { ingestedFlagNull: false });
  expect((await fixture.violations()).violations).toEqual([]);
});

const posting = (id: string, day: string) => ({ id, postedAt: `${day}T10:00:00.000Z` });

/** A feed that has delivered postings of these days, one of each. */
async function delivered(days: readonly string[]): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ startDate });
  await deliver(feed, days);
  return feed;
}

async function deliver(feed: DeliveryFeed, days: readonly string[]): Promise<void> {
  await fixture.addPostings(
    feed,
    days.map((day) => posting(`tx-${day}`, day)),
  );
  await fixture.untilCaughtUp(feed);
}

async function daysOf(feed: DeliveryFeed) {
  const view = await readFeedView(fixture.pool, dbChannels, feed);
  if (view === null) throw new Error('no feed');
  const { bookedThrough, deliveredThrough, takenThrough, takenStatus } = view;
  return { bookedThrough, deliveredThrough, takenThrough, takenStatus };
}

const check = (feed: DeliveryFeed) => fixture.deliveryRun(feed, { readAccount: true });
const sagePull = () => fixture.control('POST', '/sage-pull');

async function lists(): Promise<number> {
  const { requests } = (await fixture.control('GET', '/requests')) as {
    requests: { method: string; path: string }[];
  };
  return requests.filter(({ method, path }) => method === 'GET' && path.includes('bank_feeds/transactions'))
    .length;
}

describe('the days of a feed', () => {
  it('are those of the last posting that was booked, delivered, and taken by Sage', async () => {
    const feed = await delivered(['2026-03-02', '2026-03-03']);
    const sent = { bookedThrough: '2026-03-03', deliveredThrough: '2026-03-03' };
    expect(await daysOf(feed)).toEqual({ ...sent, takenThrough: null, takenStatus: 'waiting' });
    await sagePull();
    await check(feed);
    expect(await daysOf(feed)).toEqual({ ...sent, takenThrough: '2026-03-03', takenStatus: 'taken' });

    await fixture.addPostings(feed, [posting('tx-2026-03-05', '2026-03-05')]);
    expect(await daysOf(feed)).toMatchObject({ bookedThrough: '2026-03-05', deliveredThrough: '2026-03-03' });
    await fixture.untilCaughtUp(feed);
    expect(await daysOf(feed)).toEqual({
      bookedThrough: '2026-03-05',
      deliveredThrough: '2026-03-05',
      takenThrough: '2026-03-03',
      takenStatus: 'waiting',
    });
  });

  it('count what Rutter shows with other text, which was delivered all the same', async () => {
    await fixture.control('POST', '/faults', { kind: 'fold', texts: ['upper_case'] });
    const feed = await delivered(['2026-03-02']);
    expect(await daysOf(feed)).toMatchObject({ deliveredThrough: '2026-03-02', takenThrough: null });
    await sagePull();
    await check(feed);
    expect(await daysOf(feed)).toMatchObject({ takenThrough: '2026-03-02', takenStatus: 'taken' });
  });

  it('follow a long backfill batch by batch, up to the last day', async () => {
    const feed = await fixture.makeFeed({ startDate });
    // 60 days with 40 postings each: 2,400, in three batches, the first of which ends within the 25th day.
    const days = Array.from({ length: 60 }, (_, index) => addDays('2026-03-02', index));
    await fixture.addPostings(
      feed,
      days.flatMap((day) =>
        Array.from({ length: 40 }, (_, index) => posting(`tx-${day}-${String(index)}`, day)),
      ),
    );
    const bookedThrough = days.at(-1);
    expect(await daysOf(feed)).toMatchObject({ bookedThrough, deliveredThrough: null });
    const { rutter } = fixture.deps;
    const seen: (string | null)[] = [];
    const watched = {
      ...rutter,
      postTransactions: async (input: Parameters<typeof rutter.postTransactions>[0]) => {
        const now = await daysOf(feed);
        expect(now.bookedThrough).toBe(bookedThrough);
        seen.push(now.deliveredThrough);
        return await rutter.postTransactions(input);
      },
    };
    await fixture.untilCaughtUp(feed, { deps: { ...fixture.deps, rutter: watched } });
    expect(seen).toEqual([null, days[24], days[49]]);
    expect(await daysOf(feed)).toMatchObject({ bookedThrough, deliveredThrough: bookedThrough });
  });

  it('are unknown before anything was booked or delivered', async () => {
    const feed = await fixture.makeFeed({ startDate });
    expect(await daysOf(feed)).toEqual({
      bookedThrough: null,
      deliveredThrough: null,
      takenThrough: null,
      takenStatus: null,
    });
  });

  it('do not move when Sage takes a late posting', async () => {
    const feed = await delivered(['2026-03-10']);
    await sagePull();
    await check(feed);
    await deliver(feed, ['2026-03-04']);
    expect(await daysOf(feed)).toMatchObject({ takenThrough: '2026-03-10', takenStatus: 'waiting' });
    await sagePull();
    await check(feed);
    expect(await daysOf(feed)).toMatchObject({
      deliveredThrough: '2026-03-10',
      takenThrough: '2026-03-10',
      takenStatus: 'taken',
    });
  });

  it('are those of this feed, although the list has other accounts of the connection', async () => {
    const feed = await delivered(['2026-03-02']);
    await sagePull();
    const other = await fixture.makeFeed({ startDate, connectionId: feed.connectionId });
    await deliver(other, ['2026-03-07']);
    expect(await daysOf(other)).toMatchObject({ takenThrough: null, takenStatus: 'waiting' });
    await check(feed);
    expect(await daysOf(feed)).toMatchObject({ takenThrough: '2026-03-02', takenStatus: 'taken' });
  });
});

describe('reading what Sage has taken', () => {
  it('is one request after a delivery and one with the daily check, and none when all is taken', async () => {
    const before = await lists();
    const feed = await delivered(['2026-03-02']);
    expect((await lists()) - before).toBe(1);
    await fixture.deliveryRun(feed);
    expect((await lists()) - before).toBe(1);
    await check(feed);
    expect((await lists()) - before).toBe(2);
    await sagePull();
    await check(feed);
    expect((await lists()) - before).toBe(3);
    await check(feed);
    await check(feed);
    expect((await lists()) - before).toBe(3);
  });

  it('learns with the next delivery that the ones before were taken', async () => {
    const feed = await delivered(['2026-03-02']);
    await sagePull();
    await deliver(feed, ['2026-03-03']);
    expect(await daysOf(feed)).toMatchObject({ takenThrough: '2026-03-02', takenStatus: 'waiting' });
  });

  it('says unknown, not no, where the provider never sets the flag, and asks once a day then', async () => {
    await fixture.control('POST', '/knobs', { ingestedFlagNull: true });
    const before = await lists();
    const feed = await delivered(['2026-03-02']);
    expect(await daysOf(feed)).toMatchObject({ takenThrough: null, takenStatus: 'unknown' });
    await deliver(feed, ['2026-03-03']);
    await deliver(feed, ['2026-03-04']);
    expect((await lists()) - before).toBe(1);
    await check(feed);
    expect((await lists()) - before).toBe(2);
    await sagePull();
    await check(feed);
    expect(await daysOf(feed)).toMatchObject({ takenThrough: null, takenStatus: 'unknown' });
    await fixture.control('POST', '/knobs', { ingestedFlagNull: false });
    await check(feed);
    expect(await daysOf(feed)).toMatchObject({ takenThrough: '2026-03-04', takenStatus: 'taken' });
  });

  it('reads one page of many, and takes the batches before it for taken', async () => {
    const feed = await fixture.makeFilledFeed({ startDate, count: 1_300 });
    await fixture.untilCaughtUp(feed);
    await sagePull();
    const before = await lists();
    await check(feed);
    expect((await lists()) - before).toBe(1);
    expect((await daysOf(feed)).takenStatus).toBe('taken');
    const { rows } = await fixture.pool.query(
      `SELECT detail FROM timeline WHERE kind = 'postings_taken' AND feed_id = $1`,
      [feed.feedId],
    );
    expect(rows).toEqual([{ detail: { delivered: 1_300 } }]);
  });

  for (const fault of [
    { kind: 'server_error_before_effect' },
    { kind: 'reset_before_effect' },
    { kind: 'rate_limited' },
    { kind: 'malformed_body', shape: 'html' },
  ]) {
    it(`does not disturb a delivery when it fails (${fault.kind})`, async () => {
      const feed = await fixture.makeFeed({ startDate });
      await fixture.addPostings(feed, [posting('tx-1', '2026-03-02')]);
      await fixture.control('POST', '/faults', {
        ...fault,
        match: { method: 'GET', path: 'bank_feeds/transactions' },
      });
      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
      expect(await daysOf(feed)).toMatchObject({ deliveredThrough: '2026-03-02', takenStatus: 'unknown' });
      await check(feed);
      expect(await daysOf(feed)).toMatchObject({ takenStatus: 'waiting' });
    });
  }
});
