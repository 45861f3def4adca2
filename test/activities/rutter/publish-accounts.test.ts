import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rutterEnsureHandoffConnection } from '../../../src/activities/rutter/handoff/ensure-handoff-connection.js';
import { rutterPublishAccounts } from '../../../src/activities/rutter/publishing/publish-accounts.js';
import { seal } from '../../../src/crypto/seal.js';
import { openAccessToken, readConnection } from '../../../src/db/connections.js';
import { requestUnlink } from '../../../src/db/rutter/unlink-connection.js';
import {
  createHandoffFixture,
  type Customer,
  type HandoffFixture,
  type SharedHandoff,
} from '../../support/rutter/handoff-fixture.js';

let fixture: HandoffFixture;

beforeAll(async () => {
  fixture = await createHandoffFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  await fixture.control('POST', '/knobs', { preferSyncWindowMs: 30_000, accountJobRunMs: null });
  await fixture.control('POST', '/organisations/revoke', { revoked: false });
  const { violations } = await fixture.violations();
  await fixture.control('DELETE', '/violations');
  expect(violations).toEqual([]);
});

interface ClaimedHandoff {
  customer: Customer;
  handoff: SharedHandoff;
  connectionId: string;
}

/** A new customer's handoff that holds its connection, before it publishes. */
async function claimNew(input: { accounts?: number; currency?: string } = {}): Promise<ClaimedHandoff> {
  const customer = await fixture.makeCustomer(input);
  return await claimFor(customer);
}

async function claimFor(customer: Customer, connection?: string): Promise<ClaimedHandoff> {
  const handoff = await fixture.share(customer, connection === undefined ? {} : { connectionId: connection });
  const result = await fixture.attempt(rutterEnsureHandoffConnection, handoff);
  if (result.outcome !== 'claimed') throw new Error('no connection');
  return { customer, handoff, connectionId: result.connectionId };
}

interface FeedRow {
  feed_id: string;
  account_id: string;
  rutter_account_id: string;
  state: string;
  operator: string;
}

async function feedsOf({ connectionId }: ClaimedHandoff): Promise<FeedRow[]> {
  const { rows } = await fixture.pool.query<FeedRow>(
    `SELECT feed_id, account_id, rutter_account_id, state, operator FROM feeds WHERE connection_id = $1`,
    [connectionId],
  );
  return rows;
}

/** Accounts at Rutter with our account id. */
async function atRutter(accountId: string): Promise<{ account_id: string }[]> {
  const { accounts } = (await fixture.control(
    'GET',
    `/book?summary&internal_bank_account_id=${accountId}`,
  )) as {
    accounts: { account_id: string }[];
  };
  return accounts;
}

async function expectOneEach(each: ClaimedHandoff): Promise<void> {
  const feeds = await feedsOf(each);
  expect(feeds.map((feed) => feed.account_id).sort()).toEqual([...each.customer.accountIds].sort());
  for (const feed of feeds) {
    expect((await atRutter(feed.account_id)).map((account) => account.account_id)).toEqual([
      feed.rutter_account_id,
    ]);
    expect(fixture.woken).toContain(`facts ${feed.feed_id}`);
  }
}

async function rutterOf({
  connectionId,
}: ClaimedHandoff): Promise<{ accessToken: string; rutterId: string }> {
  const connection = await readConnection(fixture.pool, { connectionId });
  if (connection === null) throw new Error('no connection');
  return {
    accessToken: openAccessToken(fixture.deps.keyring, connection),
    rutterId: connection.rutterConnectionId,
  };
}

const accountPost = { method: 'POST', path: 'bank_feeds/accounts' };

describe('publishing', () => {
  it('gives every account one account at Rutter, one feed and a workflow, and wakes the connection', async () => {
    const each = await claimNew({ accounts: 3 });
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toEqual({
      outcome: 'published',
      published: 3,
      refused: 0,
    });
    await expectOneEach(each);
    expect((await feedsOf(each)).map((feed) => feed.state)).toEqual(Array(3).fill('awaiting_activation'));
    expect(fixture.woken).toContain(`wake ${each.connectionId}`);
    const { rows } = await fixture.pool.query(
      `SELECT feed_id FROM timeline WHERE kind = 'feed_published' AND connection_id = $1`,
      [each.connectionId],
    );
    expect(rows).toHaveLength(3);
  });

  it('changes nothing when it is repeated', async () => {
    const each = await claimNew();
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    const feeds = await feedsOf(each);
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    expect(await feedsOf(each)).toEqual(feeds);
    await expectOneEach(each);
  });

  for (const fault of [
    { kind: 'reset_after_effect', point: 'before_any_byte' },
    { kind: 'reset_after_effect', point: 'half_body' },
    { kind: 'reset_before_effect' },
    { kind: 'server_error_after_effect' },
    { kind: 'server_error_after_effect', recorded: true },
    { kind: 'server_error_before_effect', recorded: true },
    { kind: 'platform_rate_limited' },
    { kind: 'rate_limited' },
    { kind: 'hang_after_effect' },
  ]) {
    it(`creates one account each when the second answer is lost (${Object.values(fault).join(', ')})`, async () => {
      const each = await claimNew({ accounts: 3 });
      await fixture.fault({ ...fault, match: { ...accountPost, nth: 2 } });
      expect(await fixture.attemptUntilDone(rutterPublishAccounts, each.handoff)).toMatchObject({
        published: 3,
      });
      await expectOneEach(each);
    });
  }

  it('creates one account each when the process crashes between each answer and our commit', async () => {
    const each = await claimNew({ accounts: 2 });
    const { rutter } = fixture.deps;
    const crashing = {
      ...rutter,
      createAccount: async (input: Parameters<typeof rutter.createAccount>[0]) => {
        await rutter.createAccount(input);
        throw new Error('killed');
      },
    };
    const settings = { ...fixture.deps.settings, publishConcurrency: 1 };
    await expect(
      fixture.attempt(rutterPublishAccounts, each.handoff, { rutter: crashing, settings }),
    ).rejects.toThrow();
    // The second crash comes after the first account was found in the list.
    await expect(
      fixture.attempt(rutterPublishAccounts, each.handoff, { rutter: crashing, settings }),
    ).rejects.toThrow();
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    await expectOneEach(each);
  });

  it('wakes every feed whose row it wrote although Temporal was unavailable the first time', async () => {
    const each = await claimNew({ accounts: 2 });
    const { workflows } = fixture.deps;
    let calls = 0;
    const flaky = {
      ...workflows,
      feedFactsChanged: (input: { feedId: string }) => {
        calls += 1;
        return calls === 1 ? Promise.reject(new Error('unavailable')) : workflows.feedFactsChanged(input);
      },
    };
    expect(
      await fixture.attemptUntilDone(rutterPublishAccounts, each.handoff, { workflows: flaky }),
    ).toMatchObject({
      published: 2,
    });
    await expectOneEach(each);
  });

  it('creates one account each when two handoffs publish on one connection at the same time', async () => {
    const each = await claimNew({ accounts: 2 });
    const other = await fixture.share(each.customer, { connectionId: each.connectionId });
    await Promise.all([
      fixture.attemptUntilDone(rutterPublishAccounts, each.handoff),
      fixture.attemptUntilDone(rutterPublishAccounts, other),
    ]);
    await expectOneEach(each);
  });

  it('polls the job when Rutter answers later', async () => {
    await fixture.control('POST', '/knobs', { preferSyncWindowMs: 50, accountJobRunMs: 500 });
    const each = await claimNew({ accounts: 1 });
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 1 });
    await expectOneEach(each);
  });

  it('uses an account that exists at Rutter, whatever its key was', async () => {
    const each = await claimNew({ accounts: 1 });
    const [accountId] = each.customer.accountIds;
    const { accessToken } = await rutterOf(each);
    await fixture.deps.rutter.createAccount({
      accessToken,
      idempotencyKey: randomUUID(),
      account: {
        internalBankAccountId: accountId!,
        bankAccountType: 'bank',
        currencyCode: 'GBP',
        name: 'Created before',
      },
    });
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 1 });
    await expectOneEach(each);
  });

  it('waits with a changed account until its first request has surely ended, then uses a new key', async () => {
    const each = await claimNew({ accounts: 1 });
    await fixture.fault({ kind: 'reset_before_effect', match: accountPost });
    await expect(fixture.attempt(rutterPublishAccounts, each.handoff)).rejects.toMatchObject({
      type: 'ProviderUnavailable',
    });
    await fixture.pool.query(
      `UPDATE accounts SET name = 'Savings', updated_at = now() WHERE account_id = $1`,
      [each.customer.accountIds[0]],
    );
    await expect(fixture.attempt(rutterPublishAccounts, each.handoff)).rejects.toMatchObject({
      type: 'ProviderUnavailable',
    });
    await fixture.pool.query(`UPDATE publications SET key_used_at = key_used_at - interval '61 seconds'`);
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 1 });
    await expectOneEach(each);
  });

  it('sends the account number to Rutter, and stores it nowhere in plain text', async () => {
    const each = await claimNew({ accounts: 1 });
    const [accountId] = each.customer.accountIds;
    const number = '55512094';
    const sealed = seal(fixture.deps.keyring, number, { table: 'accounts', row: accountId! });
    await fixture.pool.query(`UPDATE accounts SET number_sealed = $2 WHERE account_id = $1`, [
      accountId,
      sealed,
    ]);
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    const { accounts } = (await fixture.control('GET', '/accounts')) as {
      accounts: { internal_bank_account_id: string; bank_account_number: string }[];
    };
    const published = accounts.find((account) => account.internal_bank_account_id === accountId);
    expect(published?.bank_account_number).toBe(number);
    for (const table of ['accounts', 'feeds', 'publications', 'timeline']) {
      const { rows } = await fixture.pool.query(`SELECT * FROM ${table}`);
      expect(JSON.stringify(rows)).not.toContain(number);
    }
  });
});

describe('what is not published', () => {
  it('includes the account of another customer, even if it was chosen', async () => {
    const each = await claimNew({ accounts: 1 });
    const otherCustomer = await fixture.makeCustomer({ accounts: 1 });
    const accountIds = [...each.customer.accountIds, ...otherCustomer.accountIds];
    await fixture.pool.query(`UPDATE handoffs SET account_ids = $2 WHERE handoff_id = $1`, [
      each.handoff.handoffId,
      accountIds,
    ]);
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    await expectOneEach(each);
    expect(await atRutter(otherCustomer.accountIds[0]!)).toEqual([]);
    await fixture.pool.query(`UPDATE handoffs SET account_ids = $2 WHERE handoff_id = $1`, [
      each.handoff.handoffId,
      otherCustomer.accountIds,
    ]);
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toEqual({
      outcome: 'refused',
      reason: 'no_accounts',
    });
  });

  it('includes an account that exists at Rutter in another currency; the others are published', async () => {
    const each = await claimNew({ accounts: 2 });
    const [accountId, other] = each.customer.accountIds;
    const { accessToken } = await rutterOf(each);
    await fixture.deps.rutter.createAccount({
      accessToken,
      idempotencyKey: randomUUID(),
      account: {
        internalBankAccountId: accountId!,
        bankAccountType: 'bank',
        currencyCode: 'EUR',
        name: 'Euro',
      },
    });
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({
      published: 1,
      refused: 1,
    });
    expect((await feedsOf(each)).map((feed) => feed.account_id)).toEqual([other]);
  });

  it('does not stop the others when Rutter refuses one, and is recorded in the timeline', async () => {
    const each = await claimNew({ accounts: 2 });
    await fixture.fault({ kind: 'platform_bad_request', accepted: false, match: accountPost });
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({
      published: 1,
      refused: 1,
    });
    const { rows } = await fixture.pool.query(
      `SELECT detail->>'error_code' AS code FROM timeline WHERE kind = 'account_not_published' AND connection_id = $1`,
      [each.connectionId],
    );
    expect(rows).toEqual([{ code: 'PLATFORM_BAD_REQUEST' }]);
  });

  it('ends the handoff with the code of Rutter when it was the only account', async () => {
    const each = await claimNew({ accounts: 1 });
    await fixture.fault({ kind: 'platform_bad_request', match: accountPost });
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toEqual({
      outcome: 'refused',
      reason: 'provider_refused',
      errorCode: 'PLATFORM_BAD_REQUEST',
    });
    expect(await feedsOf(each)).toEqual([]);
    // The customer may start again: a new key is used, since the old one repeats the refusal.
    const again = await claimFor(each.customer, each.connectionId);
    expect(await fixture.attempt(rutterPublishAccounts, again.handoff)).toMatchObject({ published: 1 });
  });

  it('includes every account of a connection that needs a new authorization', async () => {
    const each = await claimNew();
    const { rutterId } = await rutterOf(each);
    await fixture.control('POST', `/connections/${rutterId}/status`, { status: 'disabled' });
    await expect(fixture.attempt(rutterPublishAccounts, each.handoff)).rejects.toMatchObject({
      type: 'ConnectionRefused',
      nonRetryable: true,
    });
    expect((await readConnection(fixture.pool, each))?.status).toBe('refused');
    expect(await feedsOf(each)).toEqual([]);
  });

  it('does not mark the connection when our own credentials are rejected', async () => {
    const each = await claimNew();
    await fixture.control('POST', '/organisations/revoke', { revoked: true });
    await expect(fixture.attempt(rutterPublishAccounts, each.handoff)).rejects.toMatchObject({
      type: 'CredentialsRejected',
    });
    expect((await readConnection(fixture.pool, each))?.status).toBe('ok');
  });

  it('includes every account after the deadline', async () => {
    const each = await claimNew();
    await fixture.pool.query(`UPDATE handoffs SET deadline_at = now() WHERE handoff_id = $1`, [
      each.handoff.handoffId,
    ]);
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ outcome: 'over' });
    expect(await feedsOf(each)).toEqual([]);
  });
});

describe('a connection that is to be unlinked while its accounts are published', () => {
  it('gets no feed, which is recorded with its own reason, and the handoff does not go on', async () => {
    const each = await claimNew({ accounts: 1 });
    const { connectionId } = each;
    const requesting: typeof fixture.deps.rutter.createAccount = async (input) => {
      const created = await fixture.deps.rutter.createAccount(input);
      await requestUnlink(fixture.pool, { connectionId });
      return created;
    };
    const rutter = { ...fixture.deps.rutter, createAccount: requesting };
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff, { rutter })).toMatchObject({
      outcome: 'refused',
      reason: 'connection_unavailable',
    });
    expect(await feedsOf(each)).toEqual([]);
    const { rows } = await fixture.pool.query<{ reason: string }>(
      `SELECT detail ->> 'reason' AS reason FROM timeline WHERE connection_id = $1 AND kind = 'account_not_published'`,
      [connectionId],
    );
    expect(rows).toEqual([{ reason: 'connection_unlinking' }]);
  });
});

describe('sharing again', () => {
  async function publishOne(): Promise<ClaimedHandoff & { feed: FeedRow }> {
    const each = await claimNew({ accounts: 1 });
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    const [feed] = await feedsOf(each);
    return { ...each, feed: feed! };
  }

  it('reopens the closed feed with its ledger', async () => {
    const { customer, connectionId, feed } = await publishOne();
    await fixture.pool.query(
      `UPDATE feeds SET operator = 'closed', state = 'closed', closed_at = now(), cursor_sequence = 41,
              account_status = 'active' WHERE feed_id = $1`,
      [feed.feed_id],
    );
    const each = await claimFor(customer, connectionId);
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    const { rows } = await fixture.pool.query(
      `SELECT feed_id, rutter_account_id, operator, state, closed_at, cursor_sequence FROM feeds WHERE connection_id = $1`,
      [connectionId],
    );
    expect(rows).toEqual([
      {
        feed_id: feed.feed_id,
        rutter_account_id: feed.rutter_account_id,
        operator: 'running',
        state: 'awaiting_activation',
        closed_at: null,
        cursor_sequence: '41',
      },
    ]);
    await expectOneEach(each);
  });

  it('leaves a paused feed paused', async () => {
    const { customer, connectionId, feed } = await publishOne();
    await fixture.pool.query(`UPDATE feeds SET operator = 'paused', state = 'paused' WHERE feed_id = $1`, [
      feed.feed_id,
    ]);
    const each = await claimFor(customer, connectionId);
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    expect(await feedsOf(each)).toMatchObject([{ operator: 'paused', state: 'paused' }]);
  });

  it('publishes the account on another connection as a separate feed', async () => {
    const { customer, feed } = await publishOne();
    const each = await claimFor(customer);
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    const [second] = await feedsOf(each);
    expect(second?.feed_id).not.toBe(feed.feed_id);
    expect(await atRutter(feed.account_id)).toHaveLength(2);
  });
});
