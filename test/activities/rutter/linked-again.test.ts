import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  rutterReadConnection,
  type ReadConnectionInput,
  type ReadConnectionResult,
} from '../../../src/activities/rutter/connection/read-connection.js';
import { openAccessToken, readConnection, sealAccessToken } from '../../../src/db/connections.js';
import { countByDeliveryStatus } from '../../../src/db/rutter/delivery-status.js';
import { createFeed } from '../../../src/db/rutter/publications.js';
import { transaction } from '../../../src/db/pool.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

/* Feeds that are refused, unlinked or closed and then continue: exactly the missing postings are sent. */

const firstOfMarch = '2026-03-01T00:00:00.000Z';
let fixture: DeliveryFixture;

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  // `resent`: ids that were sent although they were booked already.
  expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
});

/** One check by the workflow of the connection, as after a webhook or a timer. */
function checkConnection(feed: { connectionId: string }): Promise<ReadConnectionResult> {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => undefined) }).run<
    [ReadConnectionInput],
    ReadConnectionResult,
    (input: ReadConnectionInput) => Promise<ReadConnectionResult>
  >(rutterReadConnection(fixture.deps), { connectionId: feed.connectionId, awaitedForMs: 0 });
}

const select = (feed: DeliveryFeed, startDate: string) =>
  fixture.control('POST', `/accounts/${feed.rutterAccountId}/select`, { transaction_start_date: startDate });
const unlink = (feed: DeliveryFeed) =>
  fixture.control('POST', `/accounts/${feed.rutterAccountId}/disconnect`);

/** One posting per day of March 2026 with the day as id: `03-05` is of the fifth. */
const days = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => {
    const day = `03-${String(from + index).padStart(2, '0')}`;
    return { id: day, postedAt: `2026-${day}T12:00:00.000Z` };
  });
const idsOfDays = (...ranges: [number, number][]) =>
  ranges.flatMap(([from, to]) => days(from, to).map(({ id }) => id));

async function stateOf(feed: DeliveryFeed): Promise<string | undefined> {
  const { rows } = await fixture.pool.query<{ state: string }>(`SELECT state FROM feeds WHERE feed_id = $1`, [
    feed.feedId,
  ]);
  return rows[0]?.state;
}

const statusCounts = async (feed: DeliveryFeed) =>
  Object.fromEntries(
    Object.entries(await countByDeliveryStatus(fixture.pool, feed)).filter(([, count]) => count > 0),
  );

describe('an account that was unlinked in Sage', () => {
  /** A feed that was delivered up to the 10th and unlinked; core banking has sent postings up to the 15th. */
  async function makeUnlinkedFeed(): Promise<DeliveryFeed> {
    const feed = await fixture.makeFeed({ startDate: '2026-03-05T00:00:00.000Z' });
    await fixture.addPostings(feed, days(1, 10));
    await fixture.deliveryRun(feed);
    await unlink(feed);
    expect(await checkConnection(feed)).toMatchObject({ refused: false, awaitedCount: 1 });
    await fixture.addPostings(feed, days(11, 15));
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'waiting', state: 'disconnected' });
    expect(await fixture.bookedIds(feed)).toEqual(idsOfDays([5, 10]));
    return feed;
  }

  async function linkAgain(feed: DeliveryFeed, startDate: string): Promise<void> {
    await select(feed, startDate);
    expect(await checkConnection(feed)).toMatchObject({ refused: false, awaitedCount: 0 });
    expect(fixture.woken.at(-1)).toBe(`facts ${feed.feedId}`);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', state: 'live' });
  }

  it('and linked again with the same start date gets the postings of the meantime, and nothing else', async () => {
    const feed = await makeUnlinkedFeed();
    await linkAgain(feed, '2026-03-05T00:00:00.000Z');
    expect(await fixture.bookedIds(feed)).toEqual(idsOfDays([5, 15]));
    expect(await statusCounts(feed)).toEqual({ before_start: 4, delivered: 11 });
  });

  it('and linked again with a later start date gets nothing from before it, and nothing twice', async () => {
    const feed = await makeUnlinkedFeed();
    await linkAgain(feed, '2026-03-14T00:00:00.000Z');
    expect(await fixture.bookedIds(feed)).toEqual(idsOfDays([5, 10], [14, 15]));
    // Delivered postings stay delivered; those before the start date are kept.
    expect(await statusCounts(feed)).toEqual({ before_start: 7, delivered: 8 });
  });

  it('and linked again with a start date within what was delivered gets only the postings of the meantime', async () => {
    const feed = await makeUnlinkedFeed();
    await linkAgain(feed, '2026-03-08T00:00:00.000Z');
    expect(await fixture.bookedIds(feed)).toEqual(idsOfDays([5, 15]));
  });

  it('and linked again with an earlier start date gets only the two gaps', async () => {
    const feed = await makeUnlinkedFeed();
    await linkAgain(feed, '2026-03-02T00:00:00.000Z');
    expect([...(await fixture.bookedIds(feed))].sort()).toEqual(idsOfDays([2, 15]));
    expect(await fixture.bookedIds(feed)).toHaveLength(14);
    expect(await statusCounts(feed)).toEqual({ before_start: 1, delivered: 14 });
  });

  it('and linked with a later, then an earlier start date gets each gap once', async () => {
    const feed = await makeUnlinkedFeed();
    await linkAgain(feed, '2026-03-14T00:00:00.000Z');
    await unlink(feed);
    await checkConnection(feed);
    await fixture.addPostings(feed, days(16, 18));
    await linkAgain(feed, '2026-03-12T00:00:00.000Z');
    expect([...(await fixture.bookedIds(feed))].sort()).toEqual(idsOfDays([5, 10], [12, 18]));
    await unlink(feed);
    await checkConnection(feed);
    await linkAgain(feed, firstOfMarch);
    expect([...(await fixture.bookedIds(feed))].sort()).toEqual(idsOfDays([1, 18]));
  });

  it('is noticed without a webhook by the daily check, before anything is sent', async () => {
    const feed = await fixture.makeFeed({ startDate: firstOfMarch });
    await fixture.addPostings(feed, days(1, 3));
    await fixture.deliveryRun(feed);
    await unlink(feed);
    await fixture.addPostings(feed, days(4, 5));
    expect(await fixture.deliveryRun(feed, { readAccount: true })).toMatchObject({
      outcome: 'waiting',
      state: 'disconnected',
    });
    expect(fixture.woken.at(-1)).toBe(`wake ${feed.connectionId}`);
    await select(feed, firstOfMarch);
    await checkConnection(feed);
    await fixture.deliveryRun(feed);
    expect(await fixture.bookedIds(feed)).toEqual(idsOfDays([1, 5]));
  });
});

describe('an account on a new connection', () => {
  it('has a new feed that gets everything from its own start date, and leaves the old feed unchanged', async () => {
    const first = await fixture.makeFeed({ startDate: '2026-03-05T00:00:00.000Z' });
    await fixture.addPostings(first, days(1, 10));
    await fixture.deliveryRun(first);
    const second = await publishOnNewConnection(first, '2026-03-02T00:00:00.000Z');
    await fixture.deliveryRun(second);
    expect(await fixture.bookedIds(first)).toEqual(idsOfDays([5, 10]));
    expect(await fixture.bookedIds(second)).toEqual(idsOfDays([2, 10]));
    // A new posting is sent to both.
    await fixture.addPostings(first, days(11, 11));
    for (const feed of [first, second]) await fixture.deliveryRun(feed);
    expect([(await fixture.bookedIds(first)).at(-1), (await fixture.bookedIds(second)).at(-1)]).toEqual([
      '03-11',
      '03-11',
    ]);
  });

  it('continues there while its old connection is refused', async () => {
    const first = await fixture.makeFeed({ startDate: firstOfMarch });
    await fixture.addPostings(first, days(1, 3));
    await fixture.deliveryRun(first);
    await setStatus(first, 'needs_reauth');
    await checkConnection(first);
    const second = await publishOnNewConnection(first, firstOfMarch);
    await fixture.addPostings(first, days(4, 6));
    expect(await fixture.deliveryRun(first)).toMatchObject({ outcome: 'waiting', state: 'reauth_required' });
    expect(await fixture.deliveryRun(second)).toMatchObject({ outcome: 'caught_up', state: 'live' });
    expect(await fixture.bookedIds(second)).toEqual(idsOfDays([1, 6]));
    await setStatus(first, 'active');
    await checkConnection(first);
    await fixture.deliveryRun(first);
    expect(await fixture.bookedIds(first)).toEqual(idsOfDays([1, 6]));
  });
});

describe('a closed feed', () => {
  it('that is shared again is the same feed with its ledger: it gets the postings of the meantime, and nothing twice', async () => {
    const feed = await fixture.makeFeed({ startDate: firstOfMarch });
    await fixture.addPostings(feed, days(1, 10));
    await fixture.deliveryRun(feed);
    await fixture.pool.query(
      `UPDATE feeds SET operator = 'closed', state = 'closed', closed_at = now() WHERE feed_id = $1`,
      [feed.feedId],
    );
    await fixture.addPostings(feed, days(11, 12));
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'closed' });
    const customerId = await customerOf(feed);
    const again = await transaction(fixture.pool, (db) => createFeed(db, { ...feed, customerId }));
    expect(again).toEqual({ feedId: feed.feedId, outcome: 'reopened' });
    // Nothing is sent before Sage activates the account again.
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'waiting',
      state: 'awaiting_activation',
    });
    await select(feed, '2026-03-03T00:00:00.000Z');
    await checkConnection(feed);
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'caught_up',
      state: 'live',
      delivered: 2,
    });
    expect(await fixture.bookedIds(feed)).toEqual(idsOfDays([1, 12]));
  });
});

describe('a connection that is refused during a backfill', () => {
  const postings = postingsFrom({ from: firstOfMarch, count: 2_500 });
  const refusals = [
    {
      name: 'needs a new authorization',
      refuse: setStatusTo('needs_reauth'),
      recover: setStatusTo('active'),
    },
    { name: 'is disabled', refuse: setStatusTo('disabled'), recover: setStatusTo('active') },
    { name: 'has its token revoked (401)', refuse: revoke(true), recover: revoke(false) },
  ];

  it.each(refusals)(
    'because it $name: continues after a week exactly at the gap',
    async ({ refuse, recover }) => {
      const feed = await fixture.makeFeed({ startDate: firstOfMarch });
      const sibling = await fixture.makeFeed({ startDate: firstOfMarch, connectionId: feed.connectionId });
      const other = await fixture.makeFeed({ startDate: firstOfMarch });
      for (const each of [feed, other]) await fixture.addPostings(each, postings);
      await deliverOneBatch(feed);
      await refuse(feed);
      expect(await checkConnection(feed)).toMatchObject({ refused: true });
      const posts = await fixture.posts();
      for (const each of [feed, sibling]) {
        expect(await fixture.deliveryRun(each)).toMatchObject({
          outcome: 'waiting',
          state: 'reauth_required',
        });
      }
      expect(await fixture.posts()).toBe(posts);
      expect(await fixture.deliveryRun(other)).toMatchObject({ outcome: 'caught_up' });
      await letAWeekPass(feed);
      const late = { id: 'of-that-week', postedAt: '2026-03-30T00:00:00.000Z' };
      await fixture.addPostings(feed, [late]);
      await recover(feed);
      expect(await checkConnection(feed)).toMatchObject({ refused: false });
      expect(fixture.woken).toContain(`facts ${feed.feedId}`);
      const before = await fixture.posts();
      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1_501 });
      expect((await fixture.posts()) - before).toBe(2);
      expect(await fixture.bookedIds(feed)).toEqual([...postings.map(({ id }) => id), late.id]);
    },
  );

  it('with rejected credentials of ours blocks no feed, sends nothing and notifies no customer', async () => {
    const feeds = [
      await fixture.makeFeed({ startDate: firstOfMarch }),
      await fixture.makeFeed({ startDate: firstOfMarch }),
    ];
    for (const feed of feeds) await fixture.addPostings(feed, postingsFrom({ from: firstOfMarch, count: 3 }));
    await fixture.control('POST', '/organisations/revoke', { revoked: true });
    for (const feed of feeds) {
      await expect(checkConnection(feed)).rejects.toMatchObject({ name: 'CredentialsRejected' });
      expect(await stateOf(feed)).toBe('backfilling');
      const { rows } = await fixture.pool.query(
        `SELECT 1 FROM timeline WHERE feed_id = $1 AND kind = 'connection_refused'`,
        [feed.feedId],
      );
      expect(rows).toEqual([]);
    }
    await fixture.control('POST', '/organisations/revoke', { revoked: false });
    await fixture.pool.query(`UPDATE rejected_credentials SET probed_at = probed_at - interval '31 seconds'`);
    for (const feed of feeds) {
      expect(await checkConnection(feed)).toMatchObject({ refused: false });
      await fixture.deliveryRun(feed);
      expect(await fixture.bookedIds(feed)).toHaveLength(3);
    }
  });

  it('is not changed by a webhook alone: a check that finds no problem changes nothing', async () => {
    const feed = await fixture.makeFeed({ startDate: firstOfMarch });
    await fixture.addPostings(feed, days(1, 2));
    await fixture.deliveryRun(feed);
    // The first one stores what Rutter shows of the account.
    await checkConnection(feed);
    const before = await fixture.pool.query(`SELECT * FROM feeds WHERE feed_id = $1`, [feed.feedId]);
    for (let times = 0; times < 3; times += 1) await checkConnection(feed);
    const after = await fixture.pool.query(`SELECT * FROM feeds WHERE feed_id = $1`, [feed.feedId]);
    expect(after.rows).toEqual(before.rows);
  });
});

/** Delivers only the first batch. */
async function deliverOneBatch(feed: DeliveryFeed): Promise<void> {
  const before = (await fixture.book(feed)).length;
  await fixture.pool.query(
    `UPDATE postings SET status = 'pending' WHERE account_id = $1 AND sequence > 1000`,
    [feed.accountId],
  );
  await fixture.deliveryRun(feed);
  await fixture.pool.query(`UPDATE postings SET status = 'posted' WHERE account_id = $1`, [feed.accountId]);
  expect((await fixture.book(feed)).length - before).toBe(1_000);
}

/** Makes the refusal a week old. */
async function letAWeekPass(feed: DeliveryFeed): Promise<void> {
  await fixture.pool.query(
    `UPDATE connections SET refused_at = refused_at - interval '7 days' WHERE connection_id = $1`,
    [feed.connectionId],
  );
}

async function customerOf(feed: DeliveryFeed): Promise<string> {
  const { rows } = await fixture.pool.query<{ customer_id: string }>(
    `SELECT customer_id FROM feeds WHERE feed_id = $1`,
    [feed.feedId],
  );
  return rows[0]?.customer_id ?? '';
}

/** Publishes the same account on another connection of the customer and selects it in Sage there. */
async function publishOnNewConnection(feed: DeliveryFeed, startDate: string): Promise<DeliveryFeed> {
  const { pool, deps } = fixture;
  const customerId = await customerOf(feed);
  const connectionId = randomUUID();
  const made = await deps.rutter.createConnection({
    platform: 'SAGE_BANK_FEEDS',
    idempotencyKey: randomUUID(),
  });
  await pool.query(
    `INSERT INTO connections (connection_id, customer_id, platform, rutter_connection_id, access_token_sealed)
     VALUES ($1, $2, 'SAGE_BANK_FEEDS', $3, $4)`,
    [
      connectionId,
      customerId,
      made.id,
      sealAccessToken(deps.keyring, { connectionId, accessToken: made.accessToken }),
    ],
  );
  const row = await readConnection(pool, { connectionId });
  if (row === null) throw new Error('no connection');
  const created = await deps.rutter.createAccount({
    accessToken: openAccessToken(deps.keyring, row),
    idempotencyKey: randomUUID(),
    account: {
      internalBankAccountId: feed.accountId,
      bankAccountType: 'bank',
      currencyCode: 'GBP',
      name: 'Trading',
    },
  });
  if (created.kind !== 'done') throw new Error('the sandbox did not create the account synchronously');
  const rutterAccountId = created.account.id;
  const { accountId } = feed;
  const result = await transaction(pool, (db) =>
    createFeed(db, { customerId, accountId, connectionId, rutterAccountId }),
  );
  if (result.outcome !== 'created') throw new Error(`the feed was ${result.outcome}`);
  const second = { feedId: result.feedId, accountId, connectionId, rutterAccountId };
  await select(second, startDate);
  await checkConnection(second);
  return second;
}

async function rutterIdOf(feed: DeliveryFeed): Promise<string> {
  return (await readConnection(fixture.pool, feed))?.rutterConnectionId ?? '';
}

async function setStatus(feed: DeliveryFeed, status: string): Promise<void> {
  await fixture.control('POST', `/connections/${await rutterIdOf(feed)}/status`, { status });
}

function setStatusTo(status: string): (feed: DeliveryFeed) => Promise<void> {
  return (feed) => setStatus(feed, status);
}

function revoke(revoked: boolean): (feed: DeliveryFeed) => Promise<void> {
  return async (feed) => {
    await fixture.control('POST', `/connections/${await rutterIdOf(feed)}/token`, { revoked });
  };
}
