import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { countByDeliveryStatus, readPostingWithStatus } from '../../../src/db/rutter/delivery-status.js';
import { decidePostings } from '../../../src/db/rutter/posting-decisions.js';
import type { PostingAction } from '../../../src/domain/rutter/posting-decisions.js';
import {
  createDeliveryFixture,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

let fixture: DeliveryFixture;
const start = '2026-03-01T00:00:00.000Z';

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
});

interface Sent {
  readonly id: string;
  readonly day?: string;
  readonly amount?: string;
  readonly text?: string;
}

/** The fixture's postings have their id as text; these say what a customer reads. */
async function add(feed: DeliveryFeed, ...postings: Sent[]): Promise<void> {
  await fixture.addPostings(
    feed,
    postings.map(({ id, day = '2026-03-02', amount = '-3.00' }) => ({
      id,
      postedAt: `${day}T09:00:00.000Z`,
      amount,
    })),
  );
  for (const { id, text = 'Coffee' } of postings) {
    await fixture.pool.query(
      `UPDATE postings SET description = $3 WHERE account_id = $1 AND transaction_id = $2`,
      [feed.accountId, id, text],
    );
  }
}

async function makeFeed(replaced?: DeliveryFeed, connectionId?: string): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({
    startDate: start,
    ...(connectionId === undefined ? {} : { connectionId }),
  });
  if (replaced !== undefined) await replace(feed, replaced);
  return feed;
}

const replace = (feed: DeliveryFeed, replaced: DeliveryFeed) =>
  fixture.pool.query(`UPDATE accounts SET replaces = $2 WHERE account_id = $1`, [
    feed.accountId,
    replaced.accountId,
  ]);
const bookedIds = async (feed: DeliveryFeed) =>
  (await fixture.book(feed)).map((booked) => booked.transaction_id);
const counts = (feed: DeliveryFeed) => countByDeliveryStatus(fixture.pool, feed);
const decide = (feed: DeliveryFeed, action: PostingAction, ...transactionIds: string[]) =>
  decidePostings(fixture.pool, {
    feedId: feed.feedId,
    action,
    transactionIds,
    reason: 'compared',
    as: 'list',
  });

describe('postings of an account that replaces another', () => {
  it('that equal a delivered one are held with its name, and the others are sent', async () => {
    const old = await makeFeed();
    await add(old, { id: 'o1' }, { id: 'o2', day: '2026-03-03', text: 'Rent', amount: '-900.00' });
    await fixture.deliveryRun(old);
    const feed = await makeFeed(old);
    await add(
      feed,
      { id: 'n1' },
      { id: 'n2', day: '2026-03-03', text: 'Rent', amount: '-900' },
      { id: 'n3', day: '2026-03-04' },
    );
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
    expect(await bookedIds(feed)).toEqual(['n3']);
    expect(await counts(feed)).toMatchObject({ held: 2, delivered: 1, ready: 0 });
    expect(
      await readPostingWithStatus(fixture.pool, { feedId: feed.feedId, transactionId: 'n2' }),
    ).toMatchObject({
      deliveryStatus: 'held',
      holdReason: 'possible_duplicate',
      possibleDuplicateOf: { accountId: old.accountId, transactionId: 'o2' },
    });
    const { rows } = await fixture.pool.query(
      `SELECT detail FROM timeline WHERE feed_id = $1 AND kind = 'possible_duplicates_held'`,
      [feed.feedId],
    );
    expect(rows).toEqual([{ detail: { count: 2, replaces: old.accountId, transaction_ids: ['n1', 'n2'] } }]);
  });

  it('are matched one by one: of three equal ones, two of them delivered, the third is sent', async () => {
    const old = await makeFeed();
    await add(old, { id: 'o1' }, { id: 'o2' });
    await fixture.deliveryRun(old);
    const feed = await makeFeed(old);
    await add(feed, { id: 'n1' }, { id: 'n2' });
    await fixture.deliveryRun(feed);
    await add(feed, { id: 'n3' }, { id: 'n4' });
    await fixture.deliveryRun(feed);
    expect(await bookedIds(feed)).toEqual(['n3', 'n4']);
    expect(await counts(feed)).toMatchObject({ held: 2 });
  });

  it('are compared with what was delivered, not with what was quarantined, pending or not sent', async () => {
    const old = await makeFeed();
    await add(old, { id: 'bad' }, { id: 'sent', text: 'Rent' });
    await fixture.control('POST', '/faults', {
      kind: 'poison',
      transaction_ids: ['bad'],
      match: { method: 'POST', path: 'bank_feeds/transactions' },
    });
    await fixture.deliveryRun(old);
    await fixture.control('DELETE', '/faults');
    await add(old, { id: 'not-sent', text: 'Fuel' });
    const feed = await makeFeed(old);
    await add(feed, { id: 'n1' }, { id: 'n2', text: 'Rent' }, { id: 'n3', text: 'Fuel' });
    await fixture.deliveryRun(feed);
    expect(await bookedIds(feed)).toEqual(['n1', 'n3']);
  });

  it('are compared with delivered ones that Rutter shows with other text as well', async () => {
    const old = await makeFeed();
    await add(old, { id: 'o1', text: 'Coffee shop' });
    await fixture.control('POST', '/faults', { kind: 'fold', texts: ['upper_case'] });
    await fixture.deliveryRun(old);
    await fixture.control('DELETE', '/faults');
    expect(
      await readPostingWithStatus(fixture.pool, { feedId: old.feedId, transactionId: 'o1' }),
    ).toMatchObject({ deliveryStatus: 'delivered', exception: 'altered' });
    const feed = await makeFeed(old);
    await add(feed, { id: 'n1', text: 'Coffee shop' });
    await fixture.deliveryRun(feed);
    expect(await counts(feed)).toMatchObject({ held: 1, delivered: 0 });
  });

  it.each([[['upper_case']], [['nfkc', 'upper_case']]])(
    'are compared with ones that Rutter has under another id (%s), also after these were accepted so',
    async (ids) => {
      const old = await makeFeed();
      await add(old, { id: 'o1' }, { id: 'o2', text: 'Rent' });
      await fixture.control('POST', '/faults', { kind: 'fold', ids });
      await fixture.deliveryRun(old);
      await fixture.control('DELETE', '/faults');
      expect(await counts(old)).toMatchObject({ quarantined: 2 });
      await decide(old, 'discard', 'o2');
      const feed = await makeFeed(old);
      await add(feed, { id: 'n1' }, { id: 'n2', text: 'Rent' }, { id: 'n3', text: 'Fuel' });
      await fixture.deliveryRun(feed);
      expect(await bookedIds(feed)).toEqual(['n3']);
      expect(await counts(feed)).toMatchObject({ held: 2, delivered: 1 });
    },
  );

  it('are not compared with ones that Rutter refused and an operator discarded', async () => {
    const old = await makeFeed();
    await add(old, { id: 'refused' }, { id: 'sent', text: 'Rent' });
    await fixture.control('POST', '/faults', {
      kind: 'poison',
      transaction_ids: ['refused'],
      match: { method: 'POST', path: 'bank_feeds/transactions' },
    });
    await fixture.deliveryRun(old);
    await fixture.control('DELETE', '/faults');
    expect(await decide(old, 'discard', 'refused')).toMatchObject({ decided: [{ outcome: 'changed' }] });
    const feed = await makeFeed(old);
    await add(feed, { id: 'n1' });
    await fixture.deliveryRun(feed);
    expect(await bookedIds(feed)).toEqual(['n1']);
  });

  it('are held also when the old account delivers after they were stored, or is named after them', async () => {
    const old = await makeFeed();
    const feed = await makeFeed(old);
    await add(feed, { id: 'n1' });
    await add(old, { id: 'o1' });
    await fixture.deliveryRun(old);
    await fixture.deliveryRun(feed);
    expect(await bookedIds(feed)).toEqual([]);

    const later = await makeFeed();
    await add(later, { id: 'x1' });
    await replace(later, old);
    await fixture.deliveryRun(later);
    expect(await bookedIds(later)).toEqual([]);
  });

  it('are compared along the whole chain of replaced accounts, and a circle does no harm', async () => {
    const first = await makeFeed();
    await add(first, { id: 'a' });
    await fixture.deliveryRun(first);
    const second = await makeFeed(first);
    const third = await makeFeed(second);
    await replace(first, third);
    await add(third, { id: 'c' }, { id: 'new', text: 'New' });
    await fixture.deliveryRun(third);
    expect(await bookedIds(third)).toEqual(['new']);
  });

  it('are held although an operator held and released them before they were compared', async () => {
    const old = await makeFeed();
    await add(old, { id: 'o1' });
    await fixture.deliveryRun(old);
    const feed = await makeFeed(old);
    await add(feed, { id: 'n1' });
    await decide(feed, 'hold', 'n1');
    await decide(feed, 'release', 'n1');
    await fixture.deliveryRun(feed);
    expect(await bookedIds(feed)).toEqual([]);
    expect(await readPostingWithStatus(fixture.pool, { ...feed, transactionId: 'n1' })).toMatchObject({
      holdReason: 'possible_duplicate',
    });
    await decide(feed, 'release', 'n1');
    await fixture.deliveryRun(feed);
    expect(await bookedIds(feed)).toEqual(['n1']);
  });

  it('go out once when they are released, are never held again, and never when discarded', async () => {
    const old = await makeFeed();
    await add(old, { id: 'o1' }, { id: 'o2', text: 'Rent' });
    await fixture.deliveryRun(old);
    const feed = await makeFeed(old);
    await add(feed, { id: 'n1' }, { id: 'n2', text: 'Rent' });
    await fixture.deliveryRun(feed);
    await decide(feed, 'release', 'n1');
    await decide(feed, 'discard', 'n2');
    await fixture.deliveryRun(feed);
    await fixture.pool.query(`UPDATE feeds SET examined_sequence = 0 WHERE feed_id = $1`, [feed.feedId]);
    await fixture.deliveryRun(feed);
    expect(await bookedIds(feed)).toEqual(['n1']);
    expect(await counts(feed)).toMatchObject({ held: 0, delivered: 1, discarded: 1 });
    // Its match stays used: the old payment was one, and an equal one that arrives now is new.
    await add(feed, { id: 'n3' });
    await fixture.deliveryRun(feed);
    expect(await bookedIds(feed)).toEqual(['n1', 'n3']);
  });

  it('are compared with the text that was delivered after an operator corrected it', async () => {
    const old = await makeFeed();
    await add(old, { id: 'o1', text: 'Wrong' });
    await decide(old, 'hold', 'o1');
    await decidePostings(fixture.pool, {
      feedId: old.feedId,
      action: 'release',
      transactionIds: ['o1'],
      correction: { amount: '-4.00', description: 'Right', payee: null, transactionType: null },
      reason: 'corrected',
      as: 'one',
    });
    await fixture.deliveryRun(old);
    const feed = await makeFeed(old);
    await add(feed, { id: 'n1', text: 'Wrong' }, { id: 'n2', text: 'Right', amount: '-4' });
    await fixture.deliveryRun(feed);
    expect(await bookedIds(feed)).toEqual(['n1']);
  });

  it('of a whole history are all held, batch after batch, and nothing of it is sent', async () => {
    const old = await makeFeed();
    const history = (prefix: string) =>
      Array.from({ length: 2_300 }, (_, index) => ({
        id: `${prefix}${String(index).padStart(5, '0')}`,
        postedAt: new Date(Date.parse(start) + index * 3_600_000).toISOString(),
        amount: `-${String(index)}.01`,
      }));
    await fixture.addPostings(old, history('o'));
    await fixture.deliveryRun(old);
    const feed = await makeFeed(old);
    await fixture.addPostings(feed, [
      ...history('n'),
      { id: 'new', postedAt: '2026-09-01T00:00:00Z', amount: '-1.00' },
    ]);
    await fixture.pool.query(
      `UPDATE postings SET description = 'Posting ' || substr(transaction_id, 2) WHERE account_id = ANY ($1)`,
      [[old.accountId, feed.accountId]],
    );
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
    expect((await fixture.posts()) - posts).toBe(1);
    expect(await counts(feed)).toMatchObject({ held: 2_300, delivered: 1 });
  });

  it('are held in the feed of each connection by itself', async () => {
    const old = await makeFeed();
    await add(old, { id: 'o1' });
    await fixture.deliveryRun(old);
    const feed = await makeFeed(old);
    const other = await makeFeed(old);
    await fixture.pool.query(`UPDATE feeds SET account_id = $2 WHERE feed_id = $1`, [
      other.feedId,
      feed.accountId,
    ]);
    await add(feed, { id: 'n1' });
    await fixture.deliveryRun(feed);
    await fixture.deliveryRun(other);
    expect([(await counts(feed)).held, (await counts(other)).held]).toEqual([1, 1]);
    await decide(other, 'release', 'n1');
    await fixture.deliveryRun(other);
    expect([await bookedIds(feed), await bookedIds(other)]).toEqual([[], ['n1']]);
  });
});

it('an account that replaces none holds nothing', async () => {
  const old = await makeFeed();
  await add(old, { id: 'o1' });
  await fixture.deliveryRun(old);
  const feed = await makeFeed();
  await add(feed, { id: 'n1' });
  await fixture.deliveryRun(feed);
  expect(await bookedIds(feed)).toEqual(['n1']);
});
