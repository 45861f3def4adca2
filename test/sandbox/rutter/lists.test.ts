import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ACCOUNTS,
  TRANSACTIONS,
  batch,
  makeReadyFeed,
  startSession,
  transaction,
  type ReadyFeed,
  type Session,
} from './session.js';

let session: Session;
let feed: ReadyFeed;
beforeEach(async () => {
  session = await startSession();
  feed = await makeReadyFeed(session);
});
afterEach(() => session.close());

async function sendNumbers(from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  const body = batch(
    feed.accountId,
    numbers.map((number) => transaction(number)),
  );
  await session.call('POST', TRANSACTIONS, { token: feed.token, body });
}

const list = (query: Record<string, string> = {}) =>
  session.call('GET', TRANSACTIONS, { token: feed.token, query });

async function allPages(query: Record<string, string>): Promise<{ ids: string[]; pages: number }> {
  const ids: string[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const reply = await list({ ...query, ...(cursor === null ? {} : { cursor }) });
    ids.push(...reply.body.bank_feed_transactions.map((item) => item.transaction_id));
    cursor = reply.body.next_cursor;
    pages += 1;
  } while (cursor !== null && pages < 100);
  return { ids, pages };
}

describe("Rutter's lists", () => {
  it('show fifty items by default, five hundred at most', async () => {
    await sendNumbers(1, 700);
    expect((await list()).body.bank_feed_transactions).toHaveLength(50);
    expect((await list({ limit: '9999' })).body.bank_feed_transactions).toHaveLength(500);
  });

  it('lead through every item once, newest first, by an opaque cursor', async () => {
    await sendNumbers(1, 5);
    await session.control('POST', '/clock', { advance_ms: 1_000 });
    await sendNumbers(6, 12);
    const { ids, pages } = await allPages({ limit: '5' });
    expect(pages).toBe(3);
    expect(ids).toEqual(Array.from({ length: 12 }, (_, index) => `tx-${12 - index}`));
  });

  it('have no cursor after a last page that is exactly full', async () => {
    await sendNumbers(1, 4);
    expect((await allPages({ limit: '2' })).pages).toBe(2);
  });

  it('select by the time of the update in Unix milliseconds, and a Sage pull is an update', async () => {
    await sendNumbers(1, 2);
    const betweenMs = Date.now() + 30_000;
    await session.control('POST', '/clock', { advance_ms: 60_000 });
    await sendNumbers(3, 4);
    expect((await allPages({ updated_at_min: String(betweenMs) })).ids).toEqual(['tx-4', 'tx-3']);
    expect((await allPages({ updated_at_max: String(betweenMs) })).ids).toEqual(['tx-2', 'tx-1']);
    await session.control('POST', '/sage-pull', {});
    expect((await allPages({ updated_at_min: String(betweenMs) })).ids).toHaveLength(4);
  });

  it.each([
    ['filter, which Sage does not support', { filter: "bank_feed_account_id = 'x'" }],
    ['an unknown cursor', { cursor: 'abc' }],
    ['a limit of zero', { limit: '0' }],
    ['an update time that is no number', { updated_at_min: '2026-01-01' }],
    ['another order', { sort: 'posted_at ASC' }],
    ['an unknown expansion', { expand: 'everything' }],
    ['a force_fetch that is no text of a boolean', { force_fetch: '1' }],
  ])('refuse %s', async (_case, query) => {
    expect((await list(query)).status).toBe(400);
    expect((await session.call('GET', ACCOUNTS, { token: feed.token, query })).status).toBe(400);
  });

  it('show all accounts of a connection and none of another', async () => {
    await sendNumbers(1, 1);
    const other = await makeReadyFeed(session);
    const reply = await session.call('GET', TRANSACTIONS, { token: other.token });
    expect(reply.body.bank_feed_transactions).toEqual([]);
  });

  it('show one transaction by its id at Rutter, without the duplicate mark', async () => {
    await sendNumbers(1, 1);
    const { id } = (await list()).body.bank_feed_transactions[0]!;
    const one = await session.call('GET', `${TRANSACTIONS}/${id}`, { token: feed.token });
    expect(one.body.bank_feed_transaction).toMatchObject({ id, transaction_id: 'tx-1' });
    expect(one.body.bank_feed_transaction).not.toHaveProperty('duplicate');
    expect((await session.call('GET', `${TRANSACTIONS}/nothing`, { token: feed.token })).status).toBe(410);
  });

  it('can lag behind what was accepted', async () => {
    await session.control('POST', '/knobs', { readBackLagMs: 5_000 });
    await sendNumbers(1, 1);
    expect((await list()).body.bank_feed_transactions).toEqual([]);
    await session.control('POST', '/clock', { advance_ms: 5_000 });
    expect((await list()).body.bank_feed_transactions).toHaveLength(1);
  });

  it('may carry unknown fields and the text "null" in place of null', async () => {
    await session.control('POST', '/knobs', { extraFields: true, nullEnumText: true, memoRequired: false });
    const body = batch(feed.accountId, [transaction(1, { debit_credit_memo: undefined })]);
    await session.call('POST', TRANSACTIONS, { token: feed.token, body });
    expect((await list()).body.bank_feed_transactions[0]).toMatchObject({
      debit_credit_memo: 'null',
      field_from_the_future: expect.anything() as unknown,
    });
  });
});
