import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRutterClient } from '../../../src/clients/rutter/client.js';
import { listPostingsWithStatus, countByDeliveryStatus } from '../../../src/db/rutter/delivery-status.js';
import { acknowledgeAlert } from '../../../src/db/acknowledge-alert.js';
import { reviewAlerts } from '../../../src/db/alerts.js';
import { readFeedView } from '../../../src/db/feed-views.js';
import { dbChannels } from '../../../src/db/channels.js';
import {
  createDeliveryFixture,
  postingsFrom,
  sandboxCredentials,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

const startDate = '2026-03-01T00:00:00.000Z';
const textMax = 1_000;
let fixture: DeliveryFixture;

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
beforeEach(async () => {
  await fixture.control('DELETE', '/faults');
});
afterEach(async () => {
  expect(await fixture.violations()).toMatchObject({ violations: [] });
});

async function feedWith(ids: readonly string[], texts: readonly string[] = []): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ startDate });
  const postings = postingsFrom({ from: startDate, count: ids.length });
  await fixture.addPostings(
    feed,
    postings.map((posting, index) => ({ ...posting, id: ids[index] ?? posting.id })),
  );
  await fixture.pool.query(
    `UPDATE postings p SET description = t.text FROM unnest($2::text[], $3::text[]) AS t (id, text)
      WHERE p.account_id = $1 AND p.transaction_id = t.id`,
    [feed.accountId, ids.slice(0, texts.length), texts],
  );
  return feed;
}

async function fold(spec: { ids?: string[]; texts?: string[]; transaction_ids?: string[] }): Promise<void> {
  await fixture.control('POST', '/faults', { kind: 'fold', ...spec });
}

async function exceptionsOf(feed: DeliveryFeed): Promise<Record<string, string | null>> {
  const rows = await listPostingsWithStatus(fixture.pool, { feedId: feed.feedId, limit: 100 });
  return Object.fromEntries(rows.map((row) => [row.transactionId, row.exception]));
}

interface Alert {
  alertId: string;
  detail: { count: number; total: number };
}

async function alteredAlerts({ feedId }: DeliveryFeed): Promise<Alert[]> {
  const failed = await reviewAlerts(fixture.pool, dbChannels, {
    feedSyncIntervalMs: 86_400_000,
    configuredChannels: ['rutter'],
  });
  expect(failed).toEqual([]);
  const { rows } = await fixture.pool.query<Alert>(
    `SELECT alert_id AS "alertId", detail FROM alerts WHERE code = 'postings_altered' AND feed_id = $1 AND ended_at IS NULL`,
    [feedId],
  );
  return rows;
}

describe('texts that the provider changes', () => {
  it('in blanks, line ends and Unicode form only are the same', async () => {
    const texts = ['PAYMENT REF 1          ', 'LINE1\r\nLINE2', 'A  B   C', 'Cafe\u0301', 'ﬁne'];
    const feed = await feedWith(['b1', 'b2', 'b3', 'b4', 'b5'], texts);
    await fold({ texts: ['blanks', 'line_ends', 'nfkc'] });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 5 });
    expect(await exceptionsOf(feed)).toEqual({ b1: null, b2: null, b3: null, b4: null, b5: null });
    expect(await alteredAlerts(feed)).toEqual([]);
  });

  it('otherwise are delivered, counted, and one alert of the feed until it is acknowledged', async () => {
    const feed = await feedWith(['a1', 'a2', 'a3'], ['short', 'x'.repeat(40), 'y'.repeat(50)]);
    await fold({ texts: ['first_32'] });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 3 });
    expect(await exceptionsOf(feed)).toEqual({ a1: null, a2: 'altered', a3: 'altered' });
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ delivered: 3, quarantined: 0 });
    const view = await readFeedView(fixture.pool, dbChannels, { feedId: feed.feedId });
    expect(view?.alteredCount).toBe(2);
    const [alert, ...others] = await alteredAlerts(feed);
    expect(others).toEqual([]);
    expect(alert?.detail).toEqual({ count: 2, total: 2 });
    const acknowledged = { alertId: alert?.alertId ?? '', reason: 'texts of 32 characters are enough' };
    expect(await acknowledgeAlert(fixture.pool, dbChannels, acknowledged)).toMatchObject({
      kind: 'acknowledged',
    });
    expect(await alteredAlerts(feed)).toEqual([]);
    await fixture.addPostings(feed, [
      { id: 'a4-with-a-name-that-makes-a-long-text', postedAt: '2026-03-09T00:00:00Z' },
    ]);
    await fixture.deliveryRun(feed);
    expect((await alteredAlerts(feed)).map((each) => each.detail)).toEqual([{ count: 1, total: 3 }]);
  });

  it('of a transaction that it had before are a conflict, since ours was dropped', async () => {
    const feed = await feedWith(['d1', 'd2'], ['first text', 'same text']);
    await fold({ texts: ['upper_case'], transaction_ids: ['d1'] });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ delivered: 2 });
    // Our ledger loses both, as a restored backup does.
    await fixture.pool.query(`DELETE FROM ledger WHERE feed_id = $1`, [feed.feedId]);
    await fixture.pool.query(
      `UPDATE feeds SET cursor_posted_at = NULL, cursor_sequence = NULL, examined_sequence = 0 WHERE feed_id = $1`,
      [feed.feedId],
    );
    await fixture.deliveryRun(feed);
    expect(await exceptionsOf(feed)).toEqual({ d1: 'conflict', d2: 'duplicate' });
  });

  it('are compared the same way when they come from a job or are read back', async () => {
    const feed = await feedWith(['j1', 'j2'], ['x'.repeat(40), 'plain']);
    await fold({ texts: ['first_32'] });
    await fixture.control('POST', '/faults', {
      kind: 'server_error_after_effect',
      recorded: true,
      match: { method: 'POST', path: 'transactions$' },
    });
    await fixture.deliveryRun(feed);
    expect(await exceptionsOf(feed)).toEqual({ j1: 'altered', j2: null });
  });
});

describe('an id that the provider folds', () => {
  it.each([
    ['upper_case', 'Tx-b', 'TX-B'],
    ['nfkc', 'tx-\uff42', 'tx-b'],
  ])('(%s) quarantines that posting alone, and the rest goes on', async (form, id) => {
    const feed = await feedWith(['TX-A', id, 'TX-C']);
    await fold({ ids: [form] });
    const posts = await fixture.posts();
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'caught_up',
      delivered: 2,
      reason: null,
    });
    expect(await exceptionsOf(feed)).toEqual({ 'TX-A': null, [id]: 'conflict', 'TX-C': null });
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({
      delivered: 2,
      quarantined: 1,
      ready: 0,
    });
    await fixture.addPostings(feed, [{ id: 'TX-D', postedAt: '2026-03-09T00:00:00Z' }]);
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 1 });
    expect((await fixture.posts()) - posts).toBe(2);
  });

  it('quarantines it also when it is alone in its batch', async () => {
    const feed = await feedWith(['tx-only']);
    await fold({ ids: ['upper_case'] });
    expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', reason: null });
    expect(await exceptionsOf(feed)).toEqual({ 'tx-only': 'conflict' });
  });

  it('never hides a posting whose id folds to that of another: one of the two is a conflict', async () => {
    const feed = await feedWith(['PAIR', 'pair']);
    await fold({ ids: ['upper_case'] });
    await fixture.deliveryRun(feed);
    expect(Object.values(await exceptionsOf(feed))).toContain('conflict');
    expect(await fixture.bookedIds(feed)).toEqual(['PAIR']);
  });

  it('blocks the feed when more than 50 of a batch are folded; what Rutter has is stored', async () => {
    const many = Array.from({ length: 51 }, (_, index) => `tx-${String(index)}`);
    const feed = await feedWith(many);
    await fold({ ids: ['upper_case'] });
    expect(await fixture.deliveryRun(feed)).toMatchObject({
      outcome: 'waiting',
      reason: 'answer_incomplete',
    });
    expect(await countByDeliveryStatus(fixture.pool, feed)).toMatchObject({ quarantined: 51, ready: 0 });
    const fifty = await feedWith(many.slice(1));
    expect(await fixture.deliveryRun(fifty)).toMatchObject({ outcome: 'caught_up', reason: null });
  });
});

describe('a full batch of the longest texts', () => {
  it('is delivered whatever way the answer escapes it', async () => {
    const count = 1_000;
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count }));
    await fixture.pool.query(`UPDATE postings SET description = $2, payee = $2 WHERE account_id = $1`, [
      feed.accountId,
      '\u20AC'.repeat(textMax),
    ]);
    await fixture.control('POST', '/faults', { kind: 'escape_body', times: 0 });
    // Escaping 15 MB takes the sandbox a while on a busy machine.
    const rutter = createRutterClient({
      baseUrl: fixture.sandbox.apiUrl,
      ...sandboxCredentials,
      version: '2024-08-31',
      limiter: { acquire: () => Promise.resolve(), slowDown: () => Promise.resolve() },
      timeouts: { postTransactionsMs: 45_000, otherMs: 10_000 },
    });
    const deps = { ...fixture.deps, rutter };
    expect(await fixture.deliveryRun(feed, { deps })).toMatchObject({
      outcome: 'caught_up',
      delivered: count,
    });
  });
});
