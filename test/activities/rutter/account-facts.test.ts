import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rutterEnsureHandoffConnection } from '../../../src/activities/rutter/handoff/ensure-handoff-connection.js';
import { rutterPublishAccounts } from '../../../src/activities/rutter/publishing/publish-accounts.js';
import { seal } from '../../../src/crypto/seal.js';
import { createHandoffFixture, type HandoffFixture } from '../../support/rutter/handoff-fixture.js';

let fixture: HandoffFixture;
beforeAll(async () => {
  fixture = await createHandoffFixture();
});
afterAll(async () => {
  await fixture.close();
});
beforeEach(async () => {
  await fixture.pool.query(`DELETE FROM refused_account_facts`);
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  await fixture.control('POST', '/knobs', {
    accountFactsRefused: false,
    preferSyncWindowMs: 30_000,
    accountJobRunMs: null,
  });
  const { violations } = await fixture.violations();
  await fixture.control('DELETE', '/violations');
  expect(violations).toEqual([]);
});

const accountPost = { method: 'POST', path: 'bank_feeds/accounts' };
const facts = `balance_available = 1546.23, balance_current = 1833.21, balances_as_of = now(),
  routing_number = '123456789', line_of_business = 'small business', opened_on = '2020-02-29'`;
const factFields = ['available_balance', 'current_balance', 'routing_number', 'line_of_business'];

/** A new customer's handoff that holds its connection, its accounts changed by `SET …`. */
async function claim(input: { accounts?: number; set?: string } = {}) {
  const customer = await fixture.makeCustomer({ accounts: input.accounts ?? 1, currency: 'USD' });
  await fixture.pool.query(`UPDATE accounts SET ${input.set ?? facts} WHERE customer_id = $1`, [
    customer.customerId,
  ]);
  const handoff = await fixture.share(customer);
  const result = await fixture.attempt(rutterEnsureHandoffConnection, handoff);
  if (result.outcome !== 'claimed') throw new Error('no connection');
  const [accountId] = customer.accountIds;
  return { ...customer, accountId: accountId!, handoff, connectionId: result.connectionId };
}

type Claimed = Awaited<ReturnType<typeof claim>>;

async function atRutter(accountId: string): Promise<Record<string, unknown>> {
  const { accounts } = (await fixture.control('GET', '/accounts')) as {
    accounts: Record<string, unknown>[];
  };
  const found = accounts.filter((account) => account['internal_bank_account_id'] === accountId);
  expect(found).toHaveLength(1);
  return found[0]!;
}

async function timelineOf({ customerId }: Claimed, kind: string) {
  const { rows } = await fixture.pool.query<{ detail: Record<string, unknown> }>(
    `SELECT detail FROM timeline WHERE customer_id = $1 AND kind = $2 ORDER BY entry_id`,
    [customerId, kind],
  );
  return rows.map((row) => row.detail);
}

const settingsWith = (change: Partial<HandoffFixture['deps']['settings']>) => ({
  settings: { ...fixture.deps.settings, ...change },
});

describe('the facts of an account', () => {
  it('are sent when it is created at Rutter, but for the start date', async () => {
    const each = await claim();
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    expect(await atRutter(each.accountId)).toMatchObject({
      available_balance: 1546.23,
      current_balance: 1833.21,
      routing_number: '123456789',
      line_of_business: 'small business',
      transaction_start_date: null,
    });
  });

  it('of a card are sent, too', async () => {
    const each = await claim({
      set: `type = 'credit_card', credit_limit = 10000, last_statement_date = '2026-01-31', purchases_apr = 19.9`,
    });
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    expect(await atRutter(each.accountId)).toMatchObject({
      credit_limit: 10_000,
      last_statement_date: '2026-01-31T00:00:00.000Z',
      purchases_apr: 19.9,
      available_balance: null,
    });
  });

  it('have the sort code for want of a routing number, and the IBAN for want of a number', async () => {
    const each = await claim({ set: `sort_code = '20-00-00'` });
    const context = { table: 'accounts', row: each.accountId, column: 'iban' };
    await fixture.pool.query(`UPDATE accounts SET iban_sealed = $2 WHERE account_id = $1`, [
      each.accountId,
      seal(fixture.deps.keyring, 'GB29NWBK60161331926819', context),
    ]);
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    expect(await atRutter(each.accountId)).toMatchObject({
      routing_number: '200000',
      bank_account_number: 'GB29NWBK60161331926819',
    });
    const { rows } = await fixture.pool.query(`SELECT * FROM publications`);
    expect(JSON.stringify(rows)).not.toContain('60161331926819');
  });

  it('name the parent by the id of Rutter, also when both are published at once', async () => {
    const each = await claim({ accounts: 3 });
    const [childId, parentId, otherId] = each.accountIds;
    for (const [id, parent] of [
      [childId, parentId],
      // An account that is not shared, or not known at all, is left out.
      [otherId, 'nobody'],
    ]) {
      await fixture.pool.query(`UPDATE accounts SET parent_account_id = $2 WHERE account_id = $1`, [
        id,
        parent,
      ]);
    }
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 3 });
    const parent = await atRutter(parentId!);
    expect(await atRutter(childId!)).toMatchObject({ parent_bank_feed_account_id: parent['id'] });
    expect(await atRutter(otherId!)).toMatchObject({ parent_bank_feed_account_id: null });
  });

  it('name no parent where two accounts are each the parent of the other', async () => {
    const each = await claim({ accounts: 2 });
    const [one, other] = each.accountIds;
    await fixture.pool.query(
      `UPDATE accounts SET parent_account_id = CASE account_id WHEN $1 THEN $2 ELSE $1 END
        WHERE account_id IN ($1, $2)`,
      [one, other],
    );
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 2 });
  });

  it('stay here with RUTTER_ACCOUNT_FACTS=supported; number and name are sent', async () => {
    const each = await claim();
    await fixture.attempt(rutterPublishAccounts, each.handoff, settingsWith({ accountFacts: 'supported' }));
    const account = await atRutter(each.accountId);
    expect(factFields.map((name) => account[name])).toEqual([null, null, null, null]);
    expect(account).toMatchObject({ name: 'Trading', transaction_start_date: null });
    expect(await timelineOf(each, 'account_facts_not_sent')).toEqual([]);
  });

  it('include opened_on as start date where that is set', async () => {
    const each = await claim({ set: `opened_on = '2020-02-29'` });
    const settings = settingsWith({ startDateFromOpenedOn: true });
    await fixture.attempt(rutterPublishAccounts, each.handoff, settings);
    expect(await atRutter(each.accountId)).toMatchObject({
      transaction_start_date: '2020-02-29T00:00:00.000Z',
    });
  });
});

describe('a refusal that names a fact', () => {
  const refusal = (message: string) => ({
    error_type: 'API_REQUEST_ERROR',
    error_code: 'INVALID_INPUT',
    error_message: message,
  });

  it('is followed by one attempt without facts under a new key, with an entry in the timeline', async () => {
    await fixture.control('POST', '/knobs', { accountFactsRefused: true });
    const each = await claim();
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 1 });
    const account = await atRutter(each.accountId);
    expect(factFields.map((name) => account[name])).toEqual([null, null, null, null]);
    expect(await timelineOf(each, 'account_facts_refused')).toEqual([
      { account_id: each.accountId, fields: ['available_balance'], error_code: 'INVALID_INPUT' },
    ]);
    const posts = await fixture.requests('POST', 'bank_feeds/accounts');
    const [first, second] = posts.slice(-2);
    expect([first?.status, second?.status]).toEqual([400, 200]);
    expect(first?.idempotency_key).not.toBe(second?.idempotency_key);
  });

  it('is remembered for the installation for 24 hours: the next accounts come without, and say so', async () => {
    await fixture.control('POST', '/knobs', { accountFactsRefused: true });
    await fixture.attempt(rutterPublishAccounts, (await claim()).handoff);
    const other = await claim();
    const before = (await fixture.requests('POST', 'bank_feeds/accounts')).length;
    await fixture.attempt(rutterPublishAccounts, other.handoff);
    expect((await fixture.requests('POST', 'bank_feeds/accounts')).length).toBe(before + 1);
    expect(await timelineOf(other, 'account_facts_not_sent')).toEqual([
      { account_id: other.accountId, fields: factFields },
    ]);
    await fixture.control('POST', '/knobs', { accountFactsRefused: false });
    const stillWithin = await claim();
    await fixture.pool.query(
      `UPDATE refused_account_facts SET refused_at = refused_at - interval '23 hours'`,
    );
    await fixture.attempt(rutterPublishAccounts, stillWithin.handoff);
    expect(await atRutter(stillWithin.accountId)).toMatchObject({ available_balance: null });
    const later = await claim();
    await fixture.pool.query(`UPDATE refused_account_facts SET refused_at = refused_at - interval '1 hour'`);
    await fixture.attempt(rutterPublishAccounts, later.handoff);
    expect(await atRutter(later.accountId)).toMatchObject({ available_balance: 1546.23 });
  });

  it('by the job of an accepted request is handled alike', async () => {
    await fixture.control('POST', '/knobs', { preferSyncWindowMs: 50, accountJobRunMs: 500 });
    const each = await claim();
    await fixture.fault({
      kind: 'job_failure',
      http_status: 400,
      body: refusal('routing_number is not supported'),
      match: accountPost,
    });
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 1 });
    expect(await atRutter(each.accountId)).toMatchObject({ routing_number: null });
    expect(await timelineOf(each, 'account_facts_refused')).toHaveLength(1);
  });

  it('of two handoffs at once is remembered, and each account is created once', async () => {
    await fixture.control('POST', '/knobs', { accountFactsRefused: true });
    const each = await claim({ accounts: 3 });
    const other = await fixture.share(each, { connectionId: each.connectionId });
    await Promise.all([
      fixture.attemptUntilDone(rutterPublishAccounts, each.handoff),
      fixture.attemptUntilDone(rutterPublishAccounts, other),
    ]);
    for (const accountId of each.accountIds) {
      expect(await atRutter(accountId)).toMatchObject({ routing_number: null });
    }
  });

  it('creates one account when the process dies at any point around it', async () => {
    await fixture.control('POST', '/knobs', { accountFactsRefused: true });
    const each = await claim();
    const { rutter } = fixture.deps;
    let calls = 0;
    const dying = (dieAt: number, after: boolean) => ({
      rutter: {
        ...rutter,
        createAccount: async (input: Parameters<typeof rutter.createAccount>[0]) => {
          calls += 1;
          if (calls === dieAt && !after) throw new Error('killed');
          const result = await rutter.createAccount(input);
          if (calls === dieAt && after) throw new Error('killed');
          return result;
        },
      },
    });
    // Before the second request, whose key is stored; then after it, when the account exists.
    await expect(fixture.attempt(rutterPublishAccounts, each.handoff, dying(2, false))).rejects.toThrow();
    calls = 0;
    await expect(fixture.attempt(rutterPublishAccounts, each.handoff, dying(1, true))).rejects.toThrow();
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 1 });
    await atRutter(each.accountId);
    expect(await timelineOf(each, 'account_facts_refused')).toHaveLength(1);
  });

  it('names a field that was not sent: the account is refused, and nothing is remembered', async () => {
    const each = await claim({ set: `routing_number = '123456789'` });
    await fixture.fault({
      kind: 'status',
      http_status: 400,
      body: refusal('credit_limit is not supported'),
      match: accountPost,
    });
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({
      outcome: 'refused',
      errorCode: 'INVALID_INPUT',
    });
    expect((await fixture.pool.query(`SELECT 1 FROM refused_account_facts`)).rowCount).toBe(0);
  });

  it('also of the attempt without facts ends in a refusal of the account', async () => {
    const each = await claim();
    const body = refusal('routing_number and name are not supported');
    await fixture.fault({ kind: 'status', http_status: 400, body, times: 2, match: accountPost });
    const before = (await fixture.requests('POST', 'bank_feeds/accounts')).length;
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ outcome: 'refused' });
    expect((await fixture.requests('POST', 'bank_feeds/accounts')).length).toBe(before + 2);
  });
});

describe('the bytes under a key', () => {
  it('stay the same when balances change while the outcome is unknown', async () => {
    const each = await claim();
    await fixture.fault({ kind: 'reset_after_effect', point: 'before_any_byte', match: accountPost });
    await expect(fixture.attempt(rutterPublishAccounts, each.handoff)).rejects.toMatchObject({
      type: 'ProviderUnavailable',
    });
    await fixture.pool.query(`UPDATE accounts SET balance_available = 1 WHERE account_id = $1`, [
      each.accountId,
    ]);
    // The list does not have it yet, so the same request is sent again.
    const { rutter } = fixture.deps;
    const unlisted = { ...rutter, listAllAccounts: () => Promise.resolve([]) };
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff, { rutter: unlisted })).toMatchObject({
      published: 1,
    });
    expect(await atRutter(each.accountId)).toMatchObject({ available_balance: 1546.23 });
  });

  it('are those of version 0.2.0 for a key that it had used', async () => {
    const each = await claim();
    await fixture.fault({ kind: 'reset_after_effect', point: 'before_any_byte', match: accountPost });
    const asBefore = settingsWith({ accountFacts: 'supported' });
    await expect(fixture.attempt(rutterPublishAccounts, each.handoff, asBefore)).rejects.toThrow();
    await fixture.pool.query(`UPDATE publications SET body_sealed = NULL`);
    const { rutter } = fixture.deps;
    const unlisted = { ...rutter, listAllAccounts: () => Promise.resolve([]) };
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff, { rutter: unlisted })).toMatchObject({
      published: 1,
    });
    await atRutter(each.accountId);
  });
});

describe('an account that may not be published', () => {
  it.each([
    [`publishable = false`, 'not_publishable'],
    [`currency = 'BYN'`, 'currency_not_listed'],
    [`closed_on = '2026-01-31'`, 'account_closed'],
  ])('since it was chosen (%s) is not sent to Rutter, and the timeline says why', async (set, code) => {
    const each = await claim({ set });
    const before = (await fixture.requests('POST', 'bank_feeds/accounts')).length;
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({
      outcome: 'refused',
      reason: 'account_unpublishable',
    });
    expect((await fixture.requests('POST', 'bank_feeds/accounts')).length).toBe(before);
    expect(await timelineOf(each, 'account_not_published')).toEqual([
      { account_id: each.accountId, reason: 'account_unpublishable', error_code: code },
    ]);
  });

  it('goes on where it is shared already', async () => {
    const each = await claim();
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    await fixture.pool.query(`UPDATE accounts SET publishable = false WHERE account_id = $1`, [
      each.accountId,
    ]);
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 1 });
  });
});
