import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rutterReadConnection } from '../../../src/activities/rutter/connection/read-connection.js';
import { rutterCreateOtp } from '../../../src/activities/rutter/handoff/create-otp.js';
import { rutterEnsureHandoffConnection } from '../../../src/activities/rutter/handoff/ensure-handoff-connection.js';
import { dbReadHandoff } from '../../../src/activities/rutter/handoff/read-handoff.js';
import { rutterPublishAccounts } from '../../../src/activities/rutter/publishing/publish-accounts.js';
import { addDays, todayIn } from '../../../src/domain/booking-day.js';
import { recordPartialDecision } from '../../../src/db/rutter/handoffs.js';
import { listConnectionsToCheck } from '../../../src/db/rutter/repair-views.js';
import { listUnpublishedAccounts, readChosenAccounts } from '../../../src/db/rutter/sharing-progress.js';
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
  const { violations } = await fixture.violations();
  await fixture.control('DELETE', '/violations');
  expect(violations).toEqual([]);
});

const otpLatestMs = 570_000;
const reserveMs = 45_000;
const accountPost = { method: 'POST', path: 'bank_feeds/accounts' };

interface Claimed {
  customer: Customer;
  handoff: SharedHandoff;
  connectionId: string;
}

/** A handoff that holds its connection, with `leftMs` until nothing more is published. */
async function claim(input: { accounts: number; leftMs?: number }): Promise<Claimed> {
  const customer = await fixture.makeCustomer({ accounts: input.accounts });
  const handoff = await fixture.share(customer);
  const result = await fixture.attempt(rutterEnsureHandoffConnection, handoff);
  if (result.outcome !== 'claimed') throw new Error('no connection');
  if (input.leftMs !== undefined) await setTimeLeft(handoff, input.leftMs);
  return { customer, handoff, connectionId: result.connectionId };
}

async function setTimeLeft({ handoffId }: SharedHandoff, leftMs: number): Promise<void> {
  const ageMs = otpLatestMs - reserveMs - leftMs;
  await fixture.pool.query(
    `UPDATE handoffs SET first_seen_at = now() - $2::float8 * interval '1 millisecond',
            deadline_at = now() + ($3::float8 - $2) * interval '1 millisecond' WHERE handoff_id = $1`,
    [handoffId, ageMs, otpLatestMs],
  );
}

/** Our account ids of all accounts that Rutter has for a customer, one entry each. */
async function atRutter({ customer }: Claimed): Promise<string[]> {
  const { accounts } = (await fixture.control('GET', '/accounts')) as {
    accounts: { internal_bank_account_id: string }[];
  };
  const own = new Set(customer.accountIds);
  return accounts.map((account) => account.internal_bank_account_id).filter((id) => own.has(id));
}

const outcomesOf = async ({ handoff }: Claimed) =>
  (await readChosenAccounts(fixture.pool, handoff)).map(({ outcome }) => outcome);

const count = (outcomes: readonly string[], wanted: string) =>
  outcomes.filter((outcome) => outcome === wanted).length;

const checkConnection = ({ connectionId }: Claimed) =>
  fixture.attempt(rutterReadConnection, { connectionId, awaitedForMs: 0 });

describe('many accounts', () => {
  it('are created several at a time, as configured and not more', async () => {
    await fixture.control('POST', '/knobs', { accountJobRunMs: 200 });
    const each = await claim({ accounts: 12 });
    let current = 0;
    let most = 0;
    const { rutter } = fixture.deps;
    const counting = {
      ...rutter,
      createAccount: async (input: Parameters<typeof rutter.createAccount>[0]) => {
        current += 1;
        most = Math.max(most, current);
        try {
          return await rutter.createAccount(input);
        } finally {
          current -= 1;
        }
      },
    };
    const settings = { ...fixture.deps.settings, publishConcurrency: 3 };
    const result = await fixture.attempt(rutterPublishAccounts, each.handoff, { rutter: counting, settings });
    expect(result).toEqual({ outcome: 'published', published: 12, refused: 0 });
    expect(most).toBe(3);
    expect((await atRutter(each)).sort()).toEqual([...each.customer.accountIds].sort());
  });

  it('are counted one by one while they are published', async () => {
    await fixture.control('POST', '/knobs', { accountJobRunMs: 300 });
    const each = await claim({ accounts: 8 });
    const publishing = fixture.attempt(rutterPublishAccounts, each.handoff);
    const seen = new Set<number>();
    let done = false;
    void publishing.finally(() => (done = true));
    while (!done) {
      seen.add(count(await outcomesOf(each), 'shared'));
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await publishing;
    expect([...seen].some((shared) => shared > 0 && shared < 8)).toBe(true);
    expect(count(await outcomesOf(each), 'shared')).toBe(8);
  });

  it('go on when one of them fails for now, and the retry creates that one alone', async () => {
    const each = await claim({ accounts: 6 });
    await fixture.fault({ kind: 'reset_before_effect', match: { ...accountPost, nth: 2 } });
    await expect(fixture.attempt(rutterPublishAccounts, each.handoff)).rejects.toMatchObject({
      type: 'ProviderUnavailable',
    });
    expect(count(await outcomesOf(each), 'shared')).toBe(5);
    const before = (await fixture.requests('POST', '/accounts')).length;
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toMatchObject({ published: 6 });
    expect((await fixture.requests('POST', '/accounts')).length).toBe(before + 1);
  });
});

describe('when time runs short', () => {
  it('the password is created with what is published, and the rest is published once afterwards', async () => {
    await fixture.control('POST', '/knobs', { accountJobRunMs: 400 });
    const each = await claim({ accounts: 12, leftMs: 1_000 });
    const result = await fixture.attempt(rutterPublishAccounts, each.handoff);
    if (result.outcome !== 'published') throw new Error(result.outcome);
    expect(result.published).toBeGreaterThan(0);
    expect(result.published).toBeLessThan(12);
    expect(result.missing).toBe(12 - result.published);

    // Nothing is left to do later before the customer has been linked.
    expect(await listUnpublishedAccounts(fixture.pool, each.customer)).toEqual([]);
    fixture.woken.length = 0;
    expect(await fixture.attempt(rutterCreateOtp, each.handoff)).toEqual({ outcome: 'ready' });
    expect(fixture.woken).toContain(`wake ${each.connectionId}`);
    const named = await listUnpublishedAccounts(fixture.pool, each.customer);
    expect(named.map(({ outcome }) => outcome)).toEqual(Array(result.missing).fill('later'));
    const { rows } = await fixture.pool.query(
      `SELECT detail FROM timeline WHERE kind = 'accounts_published_later' AND connection_id = $1`,
      [each.connectionId],
    );
    expect(rows).toEqual([{ detail: { accounts: result.missing } }]);

    await fixture.control('POST', '/knobs', { accountJobRunMs: null });
    const check = await checkConnection(each);
    expect(check).toMatchObject({ refused: false, awaitedCount: 12 });
    expect(count(await outcomesOf(each), 'shared')).toBe(12);
    expect((await atRutter(each)).sort()).toEqual([...each.customer.accountIds].sort());
    expect(await listUnpublishedAccounts(fixture.pool, each.customer)).toEqual([]);
    await checkConnection(each);
    expect(await atRutter(each)).toHaveLength(12);
  });

  it('each account is created once although the process is killed while it publishes the rest', async () => {
    await fixture.control('POST', '/knobs', { accountJobRunMs: 400 });
    const each = await claim({ accounts: 9, leftMs: 700 });
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    await fixture.attempt(rutterCreateOtp, each.handoff);
    await fixture.control('POST', '/knobs', { accountJobRunMs: null });
    const { rutter } = fixture.deps;
    const killed = {
      ...rutter,
      createAccount: async (input: Parameters<typeof rutter.createAccount>[0]) => {
        await rutter.createAccount(input);
        throw new Error('killed');
      },
    };
    const input = { connectionId: each.connectionId, awaitedForMs: 0 };
    await expect(fixture.attempt(rutterReadConnection, input, { rutter: killed })).rejects.toThrow();
    expect((await listUnpublishedAccounts(fixture.pool, each.customer)).length).toBeGreaterThan(0);
    await checkConnection(each);
    expect((await atRutter(each)).sort()).toEqual([...each.customer.accountIds].sort());
    expect(await listUnpublishedAccounts(fixture.pool, each.customer)).toEqual([]);
  });

  it('the repair job finds a connection whose wake-up was lost, for 30 days', async () => {
    await fixture.control('POST', '/knobs', { accountJobRunMs: 400 });
    const each = await claim({ accounts: 6, leftMs: 700 });
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    await fixture.attempt(rutterCreateOtp, each.handoff);
    await fixture.pool.query(`UPDATE feeds SET state = 'live' WHERE connection_id = $1`, [each.connectionId]);
    const isListed = async (age: string) => {
      await fixture.pool.query(
        `UPDATE publications SET later_since = now() - $2::interval
          WHERE connection_id = $1 AND later_since IS NOT NULL`,
        [each.connectionId, age],
      );
      const listed = await listConnectionsToCheck(fixture.pool, { afterId: null, limit: 1_000 });
      return listed.filter(({ connectionId }) => connectionId === each.connectionId).length;
    };
    expect(await isListed('30 seconds')).toBe(0);
    expect(await isListed('2 minutes')).toBe(1);
    expect(await isListed('31 days')).toBe(0);
  });

  it('an account that Rutter refuses later is named with the reason, and not tried again', async () => {
    await fixture.control('POST', '/knobs', { accountJobRunMs: 400 });
    const each = await claim({ accounts: 16, leftMs: 700 });
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    await fixture.attempt(rutterCreateOtp, each.handoff);
    await fixture.control('POST', '/knobs', { accountJobRunMs: null });
    await fixture.fault({ kind: 'platform_bad_request', accepted: false, match: accountPost });
    await checkConnection(each);
    const [left, ...others] = await listUnpublishedAccounts(fixture.pool, each.customer);
    expect(left).toMatchObject({ outcome: 'refused', reason: 'provider_refused' });
    expect(left?.errorCode).toBe('PLATFORM_BAD_REQUEST');
    expect(others).toEqual([]);
    const before = (await fixture.requests('POST', '/accounts')).length;
    await checkConnection(each);
    expect((await fixture.requests('POST', '/accounts')).length).toBe(before);
  });

  it('an account that is closed while it waits is not created, and the timeline says why', async () => {
    await fixture.control('POST', '/knobs', { accountJobRunMs: 400 });
    const each = await claim({ accounts: 12, leftMs: 700 });
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    await fixture.attempt(rutterCreateOtp, each.handoff);
    await fixture.control('POST', '/knobs', { accountJobRunMs: null });
    const { rows: waiting } = await fixture.pool.query<{ account_id: string }>(
      `SELECT account_id FROM publications WHERE connection_id = $1 AND later_since IS NOT NULL
          AND key_used_at IS NULL ORDER BY account_id LIMIT 2`,
      [each.connectionId],
    );
    const [closed, closing] = waiting.map((row) => row.account_id);
    // The bank's own zone decides: there it is already the day on which the first one closes, and not yet the other's.
    const settings = { ...fixture.deps.settings, bankTimeZone: 'Pacific/Kiritimati' };
    const today = todayIn('Pacific/Kiritimati', Date.now());
    for (const [accountId, day] of [
      [closed, today],
      [closing, addDays(today, 1)],
    ]) {
      await fixture.pool.query(`UPDATE accounts SET closed_on = $2 WHERE account_id = $1`, [accountId, day]);
    }
    await fixture.attempt(
      rutterReadConnection,
      { connectionId: each.connectionId, awaitedForMs: 0 },
      { settings },
    );
    const open = each.customer.accountIds.filter((id) => id !== closed).sort();
    expect((await atRutter(each)).sort()).toEqual(open);
    const { rows } = await fixture.pool.query(
      `SELECT detail FROM timeline WHERE kind = 'account_not_published' AND connection_id = $1`,
      [each.connectionId],
    );
    expect(rows.map(({ detail }) => detail)).toEqual([
      { account_id: closed, reason: 'account_unpublishable', error_code: 'account_closed' },
    ]);
    expect(await listUnpublishedAccounts(fixture.pool, each.customer)).toMatchObject([
      { outcome: 'refused', reason: 'account_unpublishable', errorCode: 'account_closed' },
    ]);
  });

  it('nothing published: the handoff ends with a reason instead of a password for no account', async () => {
    await fixture.control('POST', '/knobs', { accountJobRunMs: 2_500 });
    const each = await claim({ accounts: 2, leftMs: 500 });
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toEqual({
      outcome: 'refused',
      reason: 'provider_unavailable',
    });
  });

  it('a handoff that is late goes on at once with the accounts that were shared before', async () => {
    const each = await claim({ accounts: 3 });
    await fixture.attempt(rutterPublishAccounts, each.handoff);
    await setTimeLeft(each.handoff, -1);
    expect(await fixture.attempt(rutterPublishAccounts, each.handoff)).toEqual({
      outcome: 'published',
      published: 3,
      refused: 0,
    });
  });
});

describe('when an account cannot be published', () => {
  /** Of three accounts one is refused. */
  async function claimWithRefusal(): Promise<Claimed> {
    const each = await claim({ accounts: 3 });
    await fixture.fault({ kind: 'platform_bad_request', accepted: false, match: accountPost });
    return each;
  }
  const publish = (each: Claimed) =>
    fixture.attempt(rutterPublishAccounts, { handoffId: each.handoff.handoffId, mayAsk: true });
  const decide = (each: Claimed, decision: 'accepted' | 'declined') =>
    recordPartialDecision(fixture.pool, { ...each.handoff, ...each.customer, decision });

  it('the customer is asked, with its name and the reason, and a repeat does not try it again', async () => {
    const each = await claimWithRefusal();
    expect(await publish(each)).toEqual({ outcome: 'asked', published: 2, refused: 1 });
    expect((await fixture.handoff(each.handoff.handoffId)).partialSharing).toBe('asked');
    const refused = (await readChosenAccounts(fixture.pool, each.handoff)).filter(
      ({ outcome }) => outcome === 'refused',
    );
    expect(refused).toMatchObject([
      { name: 'Trading', reason: 'provider_refused', errorCode: 'PLATFORM_BAD_REQUEST' },
    ]);
    const before = (await fixture.requests('POST', '/accounts')).length;
    expect(await publish(each)).toMatchObject({ outcome: 'asked' });
    expect((await fixture.requests('POST', '/accounts')).length).toBe(before);
    const { rows } = await fixture.pool.query(
      `SELECT 1 FROM timeline WHERE kind = 'account_not_published' AND connection_id = $1`,
      [each.connectionId],
    );
    expect(rows).toHaveLength(1);
  });

  it('the answer is stored once, decides the repeat, and the refused account is not published later', async () => {
    const accepted = await claimWithRefusal();
    await publish(accepted);
    expect(await decide(accepted, 'accepted')).toBe(true);
    expect(await decide(accepted, 'declined')).toBe(false);
    expect(await fixture.attempt(dbReadHandoff, accepted.handoff)).toMatchObject({
      state: 'sharing',
      partialSharing: 'accepted',
    });
    expect(await publish(accepted)).toEqual({ outcome: 'published', published: 2, refused: 1 });
    expect(await fixture.attempt(rutterCreateOtp, accepted.handoff)).toEqual({ outcome: 'ready' });
    await checkConnection(accepted);
    expect(await atRutter(accepted)).toHaveLength(2);

    const declined = await claimWithRefusal();
    await publish(declined);
    expect(await decide(declined, 'declined')).toBe(true);
    expect(await publish(declined)).toEqual({ outcome: 'refused', reason: 'declined' });
  });

  it('no answer is accepted before the question, from another customer, or after the deadline', async () => {
    const each = await claimWithRefusal();
    expect(await decide(each, 'accepted')).toBe(false);
    await publish(each);
    const other = await fixture.makeCustomer();
    const { handoffId } = each.handoff;
    const foreign = { handoffId, customerId: other.customerId, decision: 'accepted' as const };
    expect(await recordPartialDecision(fixture.pool, foreign)).toBe(false);
    await fixture.pool.query(`UPDATE handoffs SET deadline_at = now() WHERE handoff_id = $1`, [handoffId]);
    expect(await decide(each, 'accepted')).toBe(false);
  });

  it('nobody is asked without time for an answer, or by a run that cannot wait for it', async () => {
    const old = await claimWithRefusal();
    expect(await fixture.attempt(rutterPublishAccounts, old.handoff)).toEqual({
      outcome: 'published',
      published: 2,
      refused: 1,
    });
    expect((await fixture.handoff(old.handoff.handoffId)).partialSharing).toBeNull();
  });

  it('another handoff tries it again', async () => {
    const each = await claimWithRefusal();
    await publish(each);
    const again = await fixture.share(each.customer, { connectionId: each.connectionId });
    const claimed = await fixture.attempt(rutterEnsureHandoffConnection, again);
    expect(claimed.outcome).toBe('claimed');
    expect(await publish({ ...each, handoff: again })).toEqual({
      outcome: 'published',
      published: 3,
      refused: 0,
    });
    expect(await atRutter(each)).toHaveLength(3);
  });
});
