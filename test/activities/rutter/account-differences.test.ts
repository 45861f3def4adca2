import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rutterReadConnection } from '../../../src/activities/rutter/connection/read-connection.js';
import { createKeyEntry, parseKeyring } from '../../../src/crypto/keyring.js';
import { seal } from '../../../src/crypto/seal.js';
import { readAccount } from '../../../src/db/accounts.js';
import { dbChannels } from '../../../src/db/channels.js';
import { readFeedView } from '../../../src/db/feed-views.js';
import { recordAccountChange } from '../../../src/db/rutter/account-differences.js';
import {
  createDeliveryFixture,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

let fixture: DeliveryFixture;
beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  expect((await fixture.violations()).violations).toEqual([]);
});

const startDate = '2026-03-01T00:00:00.000Z';

async function checkConnection(feed: DeliveryFeed): Promise<void> {
  const environment = new MockActivityEnvironment(
    {},
    { logger: new DefaultLogger('ERROR', () => undefined) },
  );
  await environment.run(rutterReadConnection(fixture.deps), {
    connectionId: feed.connectionId,
    awaitedForMs: 0,
  });
}

const atRutter = (feed: DeliveryFeed, shown: Record<string, unknown>) =>
  fixture.control('POST', `/accounts/${feed.rutterAccountId}`, shown);

async function setOurs(feed: DeliveryFeed, input: { name?: string; number?: string }): Promise<void> {
  if (input.name !== undefined) {
    await fixture.pool.query(`UPDATE accounts SET name = $2 WHERE account_id = $1`, [
      feed.accountId,
      input.name,
    ]);
  }
  if (input.number === undefined) return;
  const context = { table: 'accounts', row: feed.accountId };
  await fixture.pool.query(`UPDATE accounts SET number_sealed = $2 WHERE account_id = $1`, [
    feed.accountId,
    seal(fixture.deps.keyring, input.number, context),
  ]);
}

async function differencesOf(feed: DeliveryFeed) {
  const view = await readFeedView(fixture.pool, dbChannels, feed);
  const account = await readAccount(fixture.pool, feed);
  expect(account?.differences).toEqual(view?.accountDifferences);
  return view?.accountDifferences.map(({ field, shown }) => [field, shown]);
}

async function eventsOf(feed: DeliveryFeed) {
  const { rows } = await fixture.pool.query<{ kind: string; detail: { fields: string[] } }>(
    `SELECT kind, detail FROM timeline WHERE feed_id = $1 AND kind LIKE 'account_%' ORDER BY entry_id`,
    [feed.feedId],
  );
  return rows.map(({ kind, detail }) => [kind, detail.fields]);
}

describe('what Sage shows of an account', () => {
  it('is compared with every list of accounts, and reported once until it is the same again', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await checkConnection(feed);
    expect([await differencesOf(feed), await eventsOf(feed)]).toEqual([[], []]);
    await atRutter(feed, { name: 'Earlier name', currency_code: 'EUR' });
    await checkConnection(feed);
    await checkConnection(feed);
    expect(await differencesOf(feed)).toEqual([
      ['name', 'Earlier name'],
      ['currency', 'EUR'],
    ]);
    expect(await eventsOf(feed)).toEqual([['account_change_not_in_sage', ['name', 'currency']]]);
    await atRutter(feed, { name: 'Trading', currency_code: 'GBP' });
    await checkConnection(feed);
    expect(await differencesOf(feed)).toEqual([]);
    expect((await eventsOf(feed)).at(-1)).toEqual(['account_as_in_sage_again', ['name', 'currency']]);
  });

  it('is compared with the daily check of a feed, too, and no request more is made', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await atRutter(feed, { name: 'Earlier name' });
    const count = async () => ((await fixture.control('GET', '/requests'))['requests'] as unknown[]).length;
    const before = await count();
    await fixture.deliveryRun(feed, { readAccount: true });
    expect((await count()) - before).toBe(1);
    expect(await differencesOf(feed)).toEqual([['name', 'Earlier name']]);
  });

  it('differs from the moment that our account is changed', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await setOurs(feed, { number: '11112222' });
    await atRutter(feed, { bank_account_number: '1111 2222' });
    await checkConnection(feed);
    await setOurs(feed, { name: 'Trading (new)', number: '99998888' });
    const { pool, deps } = fixture;
    await Promise.all([
      recordAccountChange(pool, { keyring: deps.keyring, accountId: feed.accountId }),
      recordAccountChange(pool, { keyring: deps.keyring, accountId: feed.accountId }),
      checkConnection(feed),
    ]);
    expect(await differencesOf(feed)).toEqual([
      ['name', 'Trading'],
      ['number', '2222'],
    ]);
    expect(await eventsOf(feed)).toEqual([['account_change_not_in_sage', ['name', 'number']]]);
    // Changed once more: Sage still shows what it did.
    await setOurs(feed, { name: 'Trading (newest)' });
    await recordAccountChange(pool, { keyring: deps.keyring, accountId: feed.accountId });
    expect(await eventsOf(feed)).toHaveLength(1);
  });

  it('is not known before Rutter was read, nor where it answers nothing', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await setOurs(feed, { name: 'Trading (new)' });
    await recordAccountChange(fixture.pool, { keyring: fixture.deps.keyring, accountId: feed.accountId });
    expect(await eventsOf(feed)).toEqual([]);
    await setOurs(feed, { number: '55512094' });
    for (const nothing of [null, ' ']) {
      await atRutter(feed, { name: nothing, currency_code: null, bank_account_number: nothing });
      await checkConnection(feed);
      expect([await differencesOf(feed), await eventsOf(feed)]).toEqual([[], []]);
    }
  });

  it('is stored without a number in plain text', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await atRutter(feed, { bank_account_number: '4711081512' });
    await checkConnection(feed);
    for (const table of ['feeds', 'timeline', 'accounts']) {
      const { rows } = await fixture.pool.query(`SELECT * FROM ${table}`);
      expect(JSON.stringify(rows)).not.toContain('4711081512');
    }
  });

  it('does not stop a check when a number cannot be opened any more', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const lost = parseKeyring(createKeyEntry('lost'));
    if (!lost.ok) throw new Error('no keyring');
    await fixture.pool.query(`UPDATE accounts SET number_sealed = $2 WHERE account_id = $1`, [
      feed.accountId,
      seal(lost.keyring, '11112222', { table: 'accounts', row: feed.accountId }),
    ]);
    await atRutter(feed, { bank_account_number: '55556666' });
    await checkConnection(feed);
    expect(await differencesOf(feed)).toEqual([]);
  });

  it('of a closed feed is not compared any more', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.pool.query(`UPDATE feeds SET operator = 'closed', state = 'closed' WHERE feed_id = $1`, [
      feed.feedId,
    ]);
    await atRutter(feed, { name: 'Earlier name' });
    await checkConnection(feed);
    expect(await eventsOf(feed)).toEqual([]);
    expect((await readAccount(fixture.pool, feed))?.differences).toEqual([]);
  });
});
