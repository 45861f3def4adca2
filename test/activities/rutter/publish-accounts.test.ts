import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rutterEnsureHandoffConnection } from '../../../src/activities/rutter/handoff/ensure-handoff-connection.js';
import { rutterPublishAccounts } from '../../../src/activities/rutter/publishing/publish-accounts.js';
import { seal } from '../../../src/crypto/seal.js';
import { openAccessToken, readConnection } from '../../../src/db/connections.js';
import {
  createHandoffWorld,
  type Customer,
  type HandoffWorld,
  type SharedHandoff,
} from '../../support/rutter/handoff-fixture.js';

let world: HandoffWorld;

beforeAll(async () => {
  world = await createHandoffWorld();
});
afterAll(async () => {
  await world.close();
});
afterEach(async () => {
  await world.control('DELETE', '/faults');
  await world.control('POST', '/knobs', { preferSyncWindowMs: 30_000, accountJobRunMs: null });
  await world.control('POST', '/organisations/revoke', { revoked: false });
  const { violations } = await world.violations();
  await world.control('DELETE', '/violations');
  expect(violations).toEqual([]);
});

interface Ready {
  customer: Customer;
  handoff: SharedHandoff;
  connectionId: string;
}

/** A hand-off that holds its connection, about to publish. */
async function ready(input: { accounts?: number; currency?: string } = {}): Promise<Ready> {
  const customer = await world.makeCustomer(input);
  return await again(customer);
}

async function again(customer: Customer, connection?: string): Promise<Ready> {
  const handoff = await world.share(customer, connection === undefined ? {} : { connectionId: connection });
  const result = await world.attempt(rutterEnsureHandoffConnection, handoff);
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

async function feedsOf({ connectionId }: Ready): Promise<FeedRow[]> {
  const { rows } = await world.pool.query<FeedRow>(
    `SELECT feed_id, account_id, rutter_account_id, state, operator FROM feeds WHERE connection_id = $1`,
    [connectionId],
  );
  return rows;
}

/** Rutter's accounts that carry our id. */
async function atRutter(accountId: string): Promise<{ account_id: string }[]> {
  const { accounts } = (await world.control(
    'GET',
    `/book?summary&internal_bank_account_id=${accountId}`,
  )) as {
    accounts: { account_id: string }[];
  };
  return accounts;
}

async function expectOneEach(each: Ready): Promise<void> {
  const feeds = await feedsOf(each);
  expect(feeds.map((feed) => feed.account_id).sort()).toEqual([...each.customer.accountIds].sort());
  for (const feed of feeds) {
    expect((await atRutter(feed.account_id)).map((account) => account.account_id)).toEqual([
      feed.rutter_account_id,
    ]);
    expect(world.woken).toContain(`facts ${feed.feed_id}`);
  }
}

async function rutterOf({ connectionId }: Ready): Promise<{ accessToken: string; rutterId: string }> {
  const connection = await readConnection(world.pool, { connectionId });
  if (connection === null) throw new Error('no connection');
  return {
    accessToken: openAccessToken(world.deps.keyring, connection),
    rutterId: connection.rutterConnectionId,
  };
}

const accountPost = { method: 'POST', path: 'bank_feeds/accounts' };

describe('publishing', () => {
  it('gives every account one account at Rutter, one feed and a workflow, and looks at the connection', async () => {
    const each = await ready({ accounts: 3 });
    expect(await world.attempt(rutterPublishAccounts, each.handoff)).toEqual({
      outcome: 'published',
      published: 3,
      refused: 0,
    });
    await expectOneEach(each);
    expect((await feedsOf(each)).map((feed) => feed.state)).toEqual(Array(3).fill('awaiting_activation'));
    expect(world.woken).toContain(`nudge ${each.connectionId}`);
    const { rows } = await world.pool.query(
      `SELECT feed_id FROM timeline WHERE kind = 'feed_published' AND connection_id = $1`,
      [each.connectionId],
    );
    expect(rows).toHaveLength(3);
  });

  it('changes nothing when it is done again', async () => {
    const each = await ready();
    await world.attempt(rutterPublishAccounts, each.handoff);
    const feeds = await feedsOf(each);
    await world.attempt(rutterPublishAccounts, each.handoff);
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
    it(`makes one account each when the second answer is lost (${Object.values(fault).join(', ')})`, async () => {
      const each = await ready({ accounts: 3 });
      await world.fault({ ...fault, match: { ...accountPost, nth: 2 } });
      expect(await world.insist(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 3 });
      await expectOneEach(each);
    });
  }

  it('makes one account each when the process dies between each answer and our commit', async () => {
    const each = await ready({ accounts: 2 });
    const { rutter } = world.deps;
    const dying = {
      ...rutter,
      createAccount: async (input: Parameters<typeof rutter.createAccount>[0]) => {
        await rutter.createAccount(input);
        throw new Error('killed');
      },
    };
    await expect(world.attempt(rutterPublishAccounts, each.handoff, { rutter: dying })).rejects.toThrow();
    // The second death comes after the first account was found on the list.
    await expect(world.attempt(rutterPublishAccounts, each.handoff, { rutter: dying })).rejects.toThrow();
    await world.attempt(rutterPublishAccounts, each.handoff);
    await expectOneEach(each);
  });

  it('wakes every feed whose row it wrote when Temporal was away the first time', async () => {
    const each = await ready({ accounts: 2 });
    const { workflows } = world.deps;
    let calls = 0;
    const flaky = {
      ...workflows,
      feedFactsChanged: (input: { feedId: string }) => {
        calls += 1;
        return calls === 1 ? Promise.reject(new Error('away')) : workflows.feedFactsChanged(input);
      },
    };
    expect(await world.insist(rutterPublishAccounts, each.handoff, { workflows: flaky })).toMatchObject({
      published: 2,
    });
    await expectOneEach(each);
  });

  it('makes one account each when two hand-offs publish on one connection at once', async () => {
    const each = await ready({ accounts: 2 });
    const rival = await world.share(each.customer, { connectionId: each.connectionId });
    await Promise.all([
      world.insist(rutterPublishAccounts, each.handoff),
      world.insist(rutterPublishAccounts, rival),
    ]);
    await expectOneEach(each);
  });

  it('follows the job when Rutter answers later', async () => {
    await world.control('POST', '/knobs', { preferSyncWindowMs: 50, accountJobRunMs: 500 });
    const each = await ready({ accounts: 1 });
    expect(await world.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 1 });
    await expectOneEach(each);
  });

  it('takes an account that stands at Rutter already, under whatever key it was made', async () => {
    const each = await ready({ accounts: 1 });
    const [accountId] = each.customer.accountIds;
    const { accessToken } = await rutterOf(each);
    await world.deps.rutter.createAccount({
      accessToken,
      idempotencyKey: randomUUID(),
      account: {
        internalBankAccountId: accountId!,
        bankAccountType: 'bank',
        currencyCode: 'GBP',
        name: 'Made before',
      },
    });
    expect(await world.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 1 });
    await expectOneEach(each);
  });

  it('waits with a changed account until its first request is certainly over, then takes a new key', async () => {
    const each = await ready({ accounts: 1 });
    await world.fault({ kind: 'reset_before_effect', match: accountPost });
    await expect(world.attempt(rutterPublishAccounts, each.handoff)).rejects.toMatchObject({
      type: 'PeerUnavailable',
    });
    await world.pool.query(`UPDATE accounts SET name = 'Savings', updated_at = now() WHERE account_id = $1`, [
      each.customer.accountIds[0],
    ]);
    await expect(world.attempt(rutterPublishAccounts, each.handoff)).rejects.toMatchObject({
      type: 'PeerUnavailable',
    });
    await world.pool.query(`UPDATE publications SET key_used_at = key_used_at - interval '61 seconds'`);
    expect(await world.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 1 });
    await expectOneEach(each);
  });

  it('sends the account number to Rutter, and keeps it nowhere in clear', async () => {
    const each = await ready({ accounts: 1 });
    const [accountId] = each.customer.accountIds;
    const number = '55512094';
    const sealed = seal(world.deps.keyring, number, { table: 'accounts', row: accountId! });
    await world.pool.query(`UPDATE accounts SET number_sealed = $2 WHERE account_id = $1`, [
      accountId,
      sealed,
    ]);
    await world.attempt(rutterPublishAccounts, each.handoff);
    const { accounts } = (await world.control('GET', '/accounts')) as {
      accounts: { internal_bank_account_id: string; bank_account_number: string }[];
    };
    const published = accounts.find((account) => account.internal_bank_account_id === accountId);
    expect(published?.bank_account_number).toBe(number);
    for (const table of ['accounts', 'feeds', 'publications', 'timeline']) {
      const { rows } = await world.pool.query(`SELECT * FROM ${table}`);
      expect(JSON.stringify(rows)).not.toContain(number);
    }
  });
});

describe('what cannot be published', () => {
  it('is not another customer’s account, even when it was chosen', async () => {
    const each = await ready({ accounts: 1 });
    const stranger = await world.makeCustomer({ accounts: 1 });
    const accountIds = [...each.customer.accountIds, ...stranger.accountIds];
    await world.pool.query(`UPDATE handoffs SET account_ids = $2 WHERE handoff_id = $1`, [
      each.handoff.handoffId,
      accountIds,
    ]);
    await world.attempt(rutterPublishAccounts, each.handoff);
    await expectOneEach(each);
    expect(await atRutter(stranger.accountIds[0]!)).toEqual([]);
    await world.pool.query(`UPDATE handoffs SET account_ids = $2 WHERE handoff_id = $1`, [
      each.handoff.handoffId,
      stranger.accountIds,
    ]);
    expect(await world.attempt(rutterPublishAccounts, each.handoff)).toEqual({
      outcome: 'refused',
      reason: 'no_accounts',
    });
  });

  it('is an account that stands at Rutter in another currency; the others go on', async () => {
    const each = await ready({ accounts: 2 });
    const [accountId, other] = each.customer.accountIds;
    const { accessToken } = await rutterOf(each);
    await world.deps.rutter.createAccount({
      accessToken,
      idempotencyKey: randomUUID(),
      account: {
        internalBankAccountId: accountId!,
        bankAccountType: 'bank',
        currencyCode: 'EUR',
        name: 'Euro',
      },
    });
    expect(await world.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({
      published: 1,
      refused: 1,
    });
    expect((await feedsOf(each)).map((feed) => feed.account_id)).toEqual([other]);
  });

  it('does not stop the others when Rutter refuses one, and is told in the timeline', async () => {
    const each = await ready({ accounts: 2 });
    await world.fault({ kind: 'platform_bad_request', accepted: false, match: accountPost });
    expect(await world.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({
      published: 1,
      refused: 1,
    });
    const { rows } = await world.pool.query(
      `SELECT detail->>'error_code' AS code FROM timeline WHERE kind = 'account_not_published' AND connection_id = $1`,
      [each.connectionId],
    );
    expect(rows).toEqual([{ code: 'PLATFORM_BAD_REQUEST' }]);
  });

  it('ends the hand-off with Rutter’s code when it was the only one', async () => {
    const each = await ready({ accounts: 1 });
    await world.fault({ kind: 'platform_bad_request', match: accountPost });
    expect(await world.attempt(rutterPublishAccounts, each.handoff)).toEqual({
      outcome: 'refused',
      reason: 'provider_refused',
      errorCode: 'PLATFORM_BAD_REQUEST',
    });
    expect(await feedsOf(each)).toEqual([]);
    // The customer may try again: a spent key does not repeat the refusal for ever.
    expect(await world.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 1 });
  });

  it('is anything at all on a connection that must be re-authorised', async () => {
    const each = await ready();
    const { rutterId } = await rutterOf(each);
    await world.control('POST', `/connections/${rutterId}/status`, { status: 'disabled' });
    await expect(world.attempt(rutterPublishAccounts, each.handoff)).rejects.toMatchObject({
      type: 'ConnectionRefused',
      nonRetryable: true,
    });
    expect((await readConnection(world.pool, each))?.status).toBe('refused');
    expect(await feedsOf(each)).toEqual([]);
  });

  it("leaves the connection in peace when the bank's own credentials are refused", async () => {
    const each = await ready();
    await world.control('POST', '/organisations/revoke', { revoked: true });
    await expect(world.attempt(rutterPublishAccounts, each.handoff)).rejects.toMatchObject({
      type: 'OrganisationRefused',
    });
    expect((await readConnection(world.pool, each))?.status).toBe('ok');
  });

  it('is anything after the deadline', async () => {
    const each = await ready();
    await world.pool.query(`UPDATE handoffs SET deadline_at = now() WHERE handoff_id = $1`, [
      each.handoff.handoffId,
    ]);
    expect(await world.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ outcome: 'over' });
    expect(await feedsOf(each)).toEqual([]);
  });
});

describe('sharing again', () => {
  async function published(): Promise<Ready & { feed: FeedRow }> {
    const each = await ready({ accounts: 1 });
    await world.attempt(rutterPublishAccounts, each.handoff);
    const [feed] = await feedsOf(each);
    return { ...each, feed: feed! };
  }

  it('opens a closed feed anew, the same one, with its ledger', async () => {
    const { customer, connectionId, feed } = await published();
    await world.pool.query(
      `UPDATE feeds SET operator = 'closed', state = 'closed', closed_at = now(), cursor_sequence = 41,
              account_status = 'active' WHERE feed_id = $1`,
      [feed.feed_id],
    );
    const each = await again(customer, connectionId);
    await world.attempt(rutterPublishAccounts, each.handoff);
    const { rows } = await world.pool.query(
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
    const { customer, connectionId, feed } = await published();
    await world.pool.query(`UPDATE feeds SET operator = 'paused', state = 'paused' WHERE feed_id = $1`, [
      feed.feed_id,
    ]);
    const each = await again(customer, connectionId);
    await world.attempt(rutterPublishAccounts, each.handoff);
    expect(await feedsOf(each)).toMatchObject([{ operator: 'paused', state: 'paused' }]);
  });

  it('publishes the account anew on another connection, as a feed of its own', async () => {
    const { customer, feed } = await published();
    const each = await again(customer);
    await world.attempt(rutterPublishAccounts, each.handoff);
    const [second] = await feedsOf(each);
    expect(second?.feed_id).not.toBe(feed.feed_id);
    expect(await atRutter(feed.account_id)).toHaveLength(2);
  });
});
