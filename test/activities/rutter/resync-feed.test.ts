import { insertCommand } from '../../../src/db/commands.js';
import { readRutterCommand } from '../../../src/db/rutter/commands.js';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runRutterCommand } from '../../../src/activities/rutter/run-command.js';
import { postingsFrom, type DeliveryFeed } from '../../support/rutter/delivery-fixture.js';
import { createHandoffFixture, type HandoffFixture } from '../../support/rutter/handoff-fixture.js';

let fixture: HandoffFixture;
const waits: number[] = [];

beforeAll(async () => {
  fixture = await createHandoffFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  waits.length = 0;
  await fixture.control('DELETE', '/faults');
  const { violations } = await fixture.violations();
  await fixture.control('DELETE', '/violations');
  expect(violations).toEqual([]);
});

const start = '2026-03-01T00:00:00.000Z';

/** A feed with `count` postings, a minute apart, delivered in one batch. */
async function deliveredFeed(count = 5): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ startDate: start });
  await fixture.addPostings(feed, postingsFrom({ from: start, count }));
  expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: count });
  return feed;
}

async function insertResync(
  feed: DeliveryFeed,
  input: { from?: string; dry_run?: boolean } = {},
): Promise<string> {
  const commandId = randomUUID();
  const { rows } = await fixture.pool.query<{ customer_id: string }>(
    `SELECT customer_id FROM feeds WHERE feed_id = $1`,
    [feed.feedId],
  );
  await insertCommand(fixture.pool, {
    commandId,
    customerId: rows[0]?.customer_id ?? '',
    kind: 'resync_feed',
    input: { feed_id: feed.feedId, from: input.from ?? start, dry_run: input.dry_run ?? false },
    secretSealed: null,
  });
  return commandId;
}

/** Runs a resync as the worker does. The time between its two reads passes at once. */
async function resync(feed: DeliveryFeed, input: { from?: string; dry_run?: boolean } = {}) {
  const commandId = await insertResync(feed, input);
  await fixture.attempt(runRutterCommand, { commandId }, { wait: recordWait });
  return await readRutterCommand(fixture.pool, { commandId });
}

const recordWait = (waitMs: number) => Promise.resolve(void waits.push(waitMs));

const forget = (feed: DeliveryFeed, ids: string[]) =>
  fixture.control('POST', '/book/forget', { account_id: feed.rutterAccountId, transaction_ids: ids });

async function timelineKinds(feed: DeliveryFeed): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ kind: string }>(
    `SELECT kind FROM timeline WHERE feed_id = $1 ORDER BY entry_id`,
    [feed.feedId],
  );
  return rows.map(({ kind }) => kind);
}

describe('a resync', () => {
  it('sends what Rutter lost and nothing else, in order, and a second one finds no gap', async () => {
    const feed = await deliveredFeed();
    await forget(feed, ['tx-000002', 'tx-000004']);
    const command = await resync(feed);
    expect(command).toMatchObject({
      state: 'done',
      result: {
        feed_id: feed.feedId,
        effective_from: start,
        compared: 5,
        at_rutter: 3,
        gap: 2,
        already_waiting: 0,
        known_at_rutter: 0,
        transaction_ids: ['tx-000002', 'tx-000004'],
        first_posted_at: '2026-03-01T00:01:00.000Z',
        last_posted_at: '2026-03-01T00:03:00.000Z',
        dry_run: false,
      },
    });
    expect(waits).toEqual([10_000]);
    expect(fixture.woken).toContain(`facts ${feed.feedId}`);
    const again = await resync(feed);
    expect(again).toMatchObject({ result: { compared: 3, gap: 0, already_waiting: 2 } });
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', batches: 1, delivered: 2 });
    expect(await fixture.posts()).toBe(posts + 1);
    expect(await fixture.bookedIds(feed)).toEqual([
      'tx-000001',
      'tx-000003',
      'tx-000005',
      'tx-000002',
      'tx-000004',
    ]);
    expect(await resync(feed)).toMatchObject({ result: { compared: 5, at_rutter: 5, gap: 0 } });
    expect((await timelineKinds(feed)).filter((kind) => kind === 'resynced')).toHaveLength(1);
    const { rows } = await fixture.pool.query<{ sum: string }>(
      `SELECT sum(delivered_count) FROM batches WHERE feed_id = $1`,
      [feed.feedId],
    );
    expect(rows[0]?.sum).toBe('5');
  });

  it('as a dry run reports the same and changes nothing', async () => {
    const feed = await deliveredFeed();
    await forget(feed, ['tx-000003']);
    expect(await resync(feed, { dry_run: true })).toMatchObject({
      result: { gap: 1, transaction_ids: ['tx-000003'], dry_run: true },
    });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', batches: 0 });
    expect(await timelineKinds(feed)).not.toContain('resynced');
    expect(await resync(feed)).toMatchObject({ result: { gap: 1 } });
  });

  it('reads twice before it considers a posting missing', async () => {
    const feed = await deliveredFeed();
    await fixture.control('POST', '/knobs', { readBackLagMs: 3_600_000 });
    try {
      const commandId = await insertResync(feed);
      // The list becomes complete between the two reads.
      const wait = async () => {
        await fixture.control('POST', '/knobs', { readBackLagMs: 0 });
      };
      await fixture.attempt(runRutterCommand, { commandId }, { wait });
      expect(await readRutterCommand(fixture.pool, { commandId })).toMatchObject({
        result: { at_rutter: 5, gap: 0 },
      });
    } finally {
      await fixture.control('POST', '/knobs', { readBackLagMs: 0 });
    }
  });

  it('ignores postings before its date and before the start date', async () => {
    const feed = await deliveredFeed();
    await forget(feed, ['tx-000001', 'tx-000005']);
    await fixture.pool.query(
      `UPDATE postings SET booking_day = '2026-03-02' WHERE account_id = $1 AND transaction_id = 'tx-000005'`,
      [feed.accountId],
    );
    const late = await resync(feed, { from: '2026-03-02T18:00:00Z', dry_run: true });
    expect(late).toMatchObject({
      result: { first_booking_date: '2026-03-02', compared: 1, transaction_ids: ['tx-000005'] },
    });
    const early = await resync(feed, { from: '2020-01-01T00:00:00Z', dry_run: true });
    expect(early).toMatchObject({ result: { effective_from: start, gap: 2 } });
  });

  it('after a restored backup recognizes what Rutter has, and sending it again books nothing twice', async () => {
    const feed = await deliveredFeed(3);
    await fixture.addPostings(feed, postingsFrom({ from: '2026-03-02T00:00:00Z', count: 4, prefix: 'lost' }));
    const { rows } = await fixture.pool.query<{ cursor_posted_at: string; cursor_sequence: string }>(
      `SELECT cursor_posted_at, cursor_sequence FROM feeds WHERE feed_id = $1`,
      [feed.feedId],
    );
    await fixture.deliveryRun(feed);
    // The ledger is restored to an older state, without batch 2.
    await fixture.pool.query(
      `WITH gone AS (DELETE FROM batches WHERE feed_id = $1 AND number = 2 RETURNING batch_id),
            rows AS (DELETE FROM ledger WHERE batch_id IN (SELECT batch_id FROM gone)),
            tries AS (DELETE FROM attempts WHERE batch_id IN (SELECT batch_id FROM gone))
       UPDATE feeds SET cursor_posted_at = $2, cursor_sequence = $3, examined_sequence = 3 WHERE feed_id = $1`,
      [feed.feedId, rows[0]?.cursor_posted_at, rows[0]?.cursor_sequence],
    );
    expect(await resync(feed)).toMatchObject({
      result: { compared: 3, gap: 0, already_waiting: 4, known_at_rutter: 4 },
    });
    expect(await resync(feed, { from: '2026-03-02T00:00:00Z' })).toMatchObject({
      result: { compared: 0, gap: 0, already_waiting: 4, known_at_rutter: 4 },
    });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 4 });
    expect(await fixture.bookedIds(feed)).toHaveLength(7);
    // They were answered as duplicates, and their times at Rutter are before our new batch: still no gap.
    await fixture.pool.query(
      `UPDATE batches SET built_at = built_at + interval '1 hour' WHERE feed_id = $1 AND number = 2`,
      [feed.feedId],
    );
    expect(await resync(feed, { from: '2026-03-02T00:00:00Z' })).toMatchObject({
      result: { compared: 4, gap: 0 },
    });
  });

  it('does not change an open batch', async () => {
    const feed = await deliveredFeed(2);
    await fixture.addPostings(feed, postingsFrom({ from: '2026-03-02T00:00:00Z', count: 3, prefix: 'open' }));
    await fixture.fault({ kind: 'reset_before_effect', match: { method: 'POST', path: '/transactions' } });
    await fixture.deliveryRun(feed).catch(() => undefined);
    expect(await resync(feed)).toMatchObject({ result: { compared: 2, gap: 0, already_waiting: 0 } });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 3 });
    expect(await fixture.bookedIds(feed)).toHaveLength(5);
  });

  it('reads every page of the list, also those of other feeds', async () => {
    const feed = await deliveredFeed(700);
    const other = await fixture.makeFeed({ connectionId: feed.connectionId, startDate: start });
    await fixture.addPostings(other, postingsFrom({ from: start, count: 700 }));
    await fixture.deliveryRun(other);
    await forget(feed, ['tx-000001', 'tx-000700']);
    expect(await resync(feed, { dry_run: true })).toMatchObject({ result: { compared: 700, gap: 2 } });
    expect(await resync(other, { dry_run: true })).toMatchObject({ result: { compared: 700, gap: 0 } });
  });

  it.each([
    `operator = 'closed'`,
    `account_status = 'inactive'`,
    `account_status = 'waiting'`,
    `published_at = NULL`,
  ])('of a feed in a state that allows no comparison fails with wrong_state: %s', async (change) => {
    const feed = await deliveredFeed(1);
    await fixture.pool.query(`UPDATE feeds SET ${change} WHERE feed_id = $1`, [feed.feedId]);
    expect(await resync(feed)).toMatchObject({ state: 'failed', problem: { code: 'wrong_state' } });
  });

  it('of a feed that is closed between the reads and the change releases nothing', async () => {
    const feed = await deliveredFeed(2);
    await forget(feed, ['tx-000001']);
    const commandId = await insertResync(feed);
    const wait = async () => {
      await fixture.pool.query(`UPDATE feeds SET operator = 'closed' WHERE feed_id = $1`, [feed.feedId]);
    };
    await fixture.attempt(runRutterCommand, { commandId }, { wait });
    expect(await readRutterCommand(fixture.pool, { commandId })).toMatchObject({
      problem: { code: 'wrong_state' },
    });
    const { rows } = await fixture.pool.query(`SELECT 1 FROM ledger WHERE feed_id = $1`, [feed.feedId]);
    expect(rows).toHaveLength(2);
  });

  it('of a refused connection blocks its feeds and fails with token_refused', async () => {
    const feed = await deliveredFeed(1);
    await fixture.fault({
      kind: 'status',
      match: { method: 'GET', path: '/transactions' },
      http_status: 400,
      body: { error_type: 'CONNECTION_ERROR', error_code: 'NEEDS_UPDATE', error_message: 'Sign in again' },
    });
    expect(await resync(feed)).toMatchObject({ state: 'failed', problem: { code: 'token_refused' } });
    const { rows } = await fixture.pool.query(`SELECT state FROM feeds WHERE feed_id = $1`, [feed.feedId]);
    expect(rows).toEqual([{ state: 'reauth_required' }]);
  });
});
