import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deleteOldRejectedItems } from '../../src/db/rejected-items.js';
import { startApi, transaction, type ApiFixture } from './machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

const send = (accountId: string, ...transactions: unknown[]) =>
  api.call('POST', `/v1/accounts/${accountId}/transactions`, { json: { transactions } });
const ops = (path: string) => api.call('GET', path, { role: 'ops' });
const bad = (id: string, change: object = { memo: 'x' }) => transaction(id, { ...change });

interface Item {
  transaction_id: string | null;
  index: number;
  errors: { pointer: string; reason: string }[];
  item: string;
  truncated: boolean;
}
const sampleOf = async (accountId: string, query = '') => {
  const { body } = await ops(`/v1/accounts/${accountId}/rejected-items${query}`);
  return { items: body['items'] as Item[], next: body.next_cursor, counts: body['ingestion_problems'] };
};
const entriesOf = async (feedId: string) =>
  (await ops(`/v1/feeds/${feedId}/timeline`)).body['timeline'] as { kind: string; detail: object }[];

describe('rejected and conflicting items of an account', () => {
  it('are counted with their first and last time in the view of each of its feeds, and in the list of feeds', async () => {
    const account = await api.makeAccount();
    const feeds = [await api.makeFeed(account), await api.makeFeed(account)];
    const none = { count: 0, first_at: null, last_at: null };
    const before = (await ops(`/v1/feeds/${feeds[0]}`)).body['ingestion_problems'];
    expect(before).toEqual({ rejected: none, conflicting: none, contradicting: none });
    await send(account.accountId, transaction('a'), bad('b'), bad('c'));
    await send(account.accountId, transaction('a', { amount: '-1' }), bad('d'));
    const some = (count: number) => ({
      count,
      first_at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      last_at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    });
    const expected = { rejected: some(3), conflicting: some(1), contradicting: none };
    for (const feedId of feeds) {
      const feed = (await ops(`/v1/feeds/${feedId}`)).body;
      expect(feed['ingestion_problems']).toEqual(expected);
      expect(feed['counts']).toMatchObject({ ready: 1 });
    }
    const listed = (await ops(`/v1/feeds?account_id=${account.accountId}`)).body.feeds;
    expect(listed).toMatchObject(feeds.map(() => ({ ingestion_problems: expected })));
  });

  it('are counted in the view of the account, which is the only place while it has no feed', async () => {
    const account = await api.makeAccount();
    await send(account.accountId, transaction('a'), bad('b'), bad('c'));
    await send(account.accountId, transaction('a', { amount: '-1' }));
    const { status, body } = await ops(`/v1/accounts/${account.accountId}`);
    expect([status, body['ingestion_problems']]).toMatchObject([
      200,
      { rejected: { count: 2 }, conflicting: { count: 1 }, contradicting: { count: 0 } },
    ]);
    const feedId = await api.makeFeed(account);
    const feed = (await ops(`/v1/feeds/${feedId}`)).body;
    expect(body['ingestion_problems']).toEqual(feed['ingestion_problems']);
  });

  it('are on the timeline of each feed, one entry a kind and hour, whose count grows', async () => {
    const account = await api.makeAccount();
    const feeds = [await api.makeFeed(account), await api.makeFeed(account)];
    await send(account.accountId, transaction('a'), bad('b'));
    await send(account.accountId, transaction('a', { amount: '-1' }), bad('c'), bad('d'));
    const detail = { account_id: account.accountId, last_at: expect.any(String) as string };
    for (const feedId of feeds) {
      expect(await entriesOf(feedId)).toMatchObject([
        { kind: 'postings_conflicting', detail: { ...detail, count: 1 } },
        { kind: 'postings_rejected', detail: { ...detail, count: 3 } },
      ]);
    }
    await api.rows(
      `UPDATE ingestion_problems SET hour_began_at = hour_began_at - interval '1 hour' WHERE account_id = $1`,
      [account.accountId],
    );
    await send(account.accountId, bad('e'));
    expect(
      (await entriesOf(feeds[0]!)).map(
        ({ kind, detail: { count } }: { kind: string; detail: { count?: number } }) => [kind, count],
      ),
    ).toEqual([
      ['postings_rejected', 1],
      ['postings_conflicting', 1],
      ['postings_rejected', 3],
    ]);
  });

  it("are on the customer's timeline when the account has no feed", async () => {
    const account = await api.makeAccount();
    await send(account.accountId, bad('b'));
    const { body } = await ops(`/v1/customers/${account.customerId}/timeline`);
    expect(body['timeline']).toMatchObject([
      { kind: 'postings_rejected', feed_id: null, detail: { account_id: account.accountId, count: 1 } },
    ]);
  });

  it('are counted exactly when many calls arrive at once', async () => {
    const account = await api.makeAccount();
    const feedId = await api.makeFeed(account);
    await Promise.all(
      Array.from({ length: 12 }, (_, call) => send(account.accountId, bad(`x-${call}`), bad(`y-${call}`))),
    );
    const { items, counts } = await sampleOf(account.accountId);
    expect(counts).toMatchObject({ rejected: { count: 24 } });
    expect(items).toHaveLength(24);
    expect(await entriesOf(feedId)).toMatchObject([{ kind: 'postings_rejected', detail: { count: 24 } }]);
  });

  it('are counted in a stream as well, also when it breaks off later', async () => {
    const account = await api.makeAccount();
    const lines = Array.from({ length: 2_500 }, (_, index) => JSON.stringify(bad(`s-${index}`)));
    const answer = await api.call('POST', `/v1/accounts/${account.accountId}/transactions`, {
      raw: lines.join('\n'),
      headers: { 'Content-Type': 'application/x-ndjson' },
    });
    expect(answer.status).toBe(422);
    const { items, counts } = await sampleOf(account.accountId);
    expect(counts).toMatchObject({ rejected: { count: 2_500 } });
    // Three chunks, three items of each with the same fault.
    expect(items.map(({ index }) => index)).toEqual([2_002, 2_001, 2_000, 1_002, 1_001, 1_000, 2, 1, 0]);
    expect(items[0]?.item).toBe(lines[2_002]);
  });

  it('that were rejected are shown as they were sent, with every wrong field', async () => {
    const { accountId } = await api.makeAccount();
    const text = JSON.stringify(transaction('n', { payee: '' })).replace('"-12.50"', '12345678901234567890');
    await api.call('POST', `/v1/accounts/${accountId}/transactions`, {
      raw: `{"transactions":[${text},"nonsense"]}`,
      headers: { 'Content-Type': 'application/json' },
    });
    const { items } = await sampleOf(accountId);
    expect(items).toMatchObject([
      { transaction_id: null, index: 1, item: '"nonsense"', truncated: false },
      { transaction_id: 'n', index: 0, errors: [{ pointer: '/amount' }, { pointer: '/payee' }] },
    ]);
    expect(items[1]?.item).toContain('12345678901234567890');
  });

  it('have a sample that is bounded: of a fault three a call, of an account the newest 100, of an item 16 KB', async () => {
    const { accountId } = await api.makeAccount();
    await send(accountId, ...Array.from({ length: 50 }, (_, index) => bad(`same-${index}`)));
    expect((await sampleOf(accountId)).items).toHaveLength(3);
    const faults = (call: number) =>
      Array.from({ length: 30 }, (_, index) => bad(`f-${call}-${index}`, { [`field${index}`]: 1 }));
    for (let call = 0; call < 6; call += 1) await send(accountId, ...faults(call));
    const kept = await sampleOf(accountId, '?limit=200');
    expect([kept.items.length, kept.items[0]?.transaction_id, kept.items.at(-1)?.transaction_id]).toEqual([
      100,
      'f-5-19',
      'f-1-0',
    ]);
    expect(kept.counts).toMatchObject({ rejected: { count: 230 } });
    await send(accountId, bad('long', { description: '\ud800'.repeat(20_000) }));
    expect((await sampleOf(accountId)).items[0]).toMatchObject({ truncated: true, transaction_id: 'long' });
    expect((await sampleOf(accountId)).items[0]?.item).toHaveLength(16 * 1024);
    const first = await sampleOf(accountId, '?limit=60');
    const second = await sampleOf(accountId, `?limit=60&cursor=${String(first.next)}`);
    expect([first.items.length, second.items.length, second.next]).toEqual([60, 40, null]);
  });

  it('are sealed in the database, and deleted after 30 days while the counts stay', async () => {
    const { accountId } = await api.makeAccount();
    await send(accountId, bad('old'), bad('new', { memo: 'Canary 4711' }));
    const rows = await api.rows(`SELECT * FROM rejected_items WHERE account_id = $1`, [accountId]);
    expect(JSON.stringify(rows)).not.toMatch(/Canary|memo|old/);
    await api.rows(
      `UPDATE rejected_items SET received_at = now() - CASE WHEN position = (SELECT min(position) FROM rejected_items
         WHERE account_id = $1) THEN interval '30 days 1 second' ELSE interval '29 days 23 hours' END
        WHERE account_id = $1`,
      [accountId],
    );
    expect(await deleteOldRejectedItems(api.pool)).toBe(1);
    const { items, counts } = await sampleOf(accountId);
    expect(items.map(({ transaction_id }) => transaction_id)).toEqual(['new']);
    expect(counts).toMatchObject({ rejected: { count: 2 } });
  });

  it('whose key was lost, or which were altered, are listed as unreadable among the others', async () => {
    const { accountId } = await api.makeAccount();
    for (const id of ['first', 'lost', 'altered', 'last']) await send(accountId, bad(id));
    const rows = await api.rows<{ item_id: string; content_sealed: string }>(
      `SELECT item_id, content_sealed FROM rejected_items WHERE account_id = $1 ORDER BY position`,
      [accountId],
    );
    const spoil = (index: number, change: (sealed: string) => string) =>
      api.rows(`UPDATE rejected_items SET content_sealed = $2 WHERE item_id = $1`, [
        rows[index]!.item_id,
        change(rows[index]!.content_sealed),
      ]);
    await spoil(1, (sealed) => sealed.replace(/^v1\.[^.]+/, 'v1.gone'));
    await spoil(2, () => rows[3]!.content_sealed);
    const { items, counts } = await sampleOf(accountId);
    expect(items).toMatchObject([
      { transaction_id: 'last', unreadable: null },
      { transaction_id: null, index: null, item: null, errors: [], unreadable: 'not_authentic' },
      { item_id: rows[1]!.item_id, item: null, unreadable: 'unknown_key' },
      { transaction_id: 'first', unreadable: null },
    ]);
    expect(counts).toMatchObject({ rejected: { count: 4 } });
  });

  it('are shown to operators alone, and of an unknown account not at all', async () => {
    const { accountId } = await api.makeAccount();
    const path = `/v1/accounts/${accountId}/rejected-items`;
    expect((await api.call('GET', path)).status).toBe(403);
    expect((await ops('/v1/accounts/nobody/rejected-items')).status).toBe(404);
    expect((await ops(`${path}?cursor=eA`)).status).toBe(400);
  });
});

describe('a posting whose sign contradicts its type, where that is only warned of', () => {
  it('is accepted, listed under warnings, counted and on the timeline; a repeat of it is not', async () => {
    const warning = await startApi({ signCheck: 'warn' });
    try {
      const account = await warning.makeAccount();
      const feedId = await warning.makeFeed(account);
      const path = `/v1/accounts/${account.accountId}/transactions`;
      const json = {
        transactions: [transaction('x'), transaction('w', { amount: '5', transaction_type: 'fee' })],
      };
      const answer = await warning.call('POST', path, { json });
      expect(answer.body).toMatchObject({ accepted: 2, rejected_total: 0, warnings_total: 1 });
      expect(answer.body['warnings']).toMatchObject([
        { transaction_id: 'w', index: 1, reason: expect.stringContaining('money out') as string },
      ]);
      const again = await warning.call('POST', path, { json });
      expect(again.body).toMatchObject({ repeated: 2, warnings: [], warnings_total: 0 });
      const feed = (await warning.call('GET', `/v1/feeds/${feedId}`, { role: 'ops' })).body;
      expect(feed['ingestion_problems']).toMatchObject({
        contradicting: { count: 1 },
        rejected: { count: 0 },
      });
      const timeline = await warning.call('GET', `/v1/feeds/${feedId}/timeline`, { role: 'ops' });
      expect(timeline.body['timeline']).toMatchObject([
        { kind: 'postings_contradicting', detail: { count: 1 } },
      ]);
    } finally {
      await warning.stop();
    }
  });
});
