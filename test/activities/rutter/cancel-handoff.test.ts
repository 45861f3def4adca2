import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { rutterReadConnection } from '../../../src/activities/rutter/connection/read-connection.js';
import { rutterCreateOtp } from '../../../src/activities/rutter/handoff/create-otp.js';
import { rutterEnsureHandoffConnection } from '../../../src/activities/rutter/handoff/ensure-handoff-connection.js';
import { rutterPublishAccounts } from '../../../src/activities/rutter/publishing/publish-accounts.js';
import { cancelHandoff, endUnusedHandoffs } from '../../../src/db/rutter/handoff-ends.js';
import { openHandoff, recordSignInFailure } from '../../../src/db/rutter/handoffs.js';
import { readHandoffCounts } from '../../../src/db/rutter/handoff-counts.js';
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
  expect((await fixture.violations()).violations).toEqual([]);
});

interface Claimed extends SharedHandoff {
  readonly customer: Customer;
  readonly connectionId: string;
}

async function claim(accounts: number, earlier?: Claimed): Promise<Claimed> {
  const customer = earlier?.customer ?? (await fixture.makeCustomer({ accounts }));
  const handoff = await fixture.share(customer, earlier && { connectionId: earlier.connectionId });
  const result = await fixture.attempt(rutterEnsureHandoffConnection, handoff);
  if (result.outcome !== 'claimed') throw new Error('no connection');
  return { ...handoff, customer, connectionId: result.connectionId };
}

const cancel = ({ handoffId, customer }: Claimed) =>
  cancelHandoff(fixture.pool, { handoffId, customerId: customer.customerId });

async function feedsOf({ connectionId }: Claimed): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ state: string }>(
    `SELECT state FROM feeds WHERE connection_id = $1 ORDER BY account_id`,
    [connectionId],
  );
  return rows.map(({ state }) => state);
}

async function accountsAtRutter({ customer }: Claimed): Promise<number> {
  const { accounts } = (await fixture.control('GET', '/accounts')) as {
    accounts: { internal_bank_account_id: string }[];
  };
  return accounts.filter((account) => customer.accountIds.includes(account.internal_bank_account_id)).length;
}

/** The client that cancels when the `nth` account is to be created; `begun` counts the requests since. */
function cancelling(claimed: Claimed, nth: number) {
  const { rutter } = fixture.deps;
  const seen = { calls: 0, begunAfter: 0, cancelled: false };
  const client = {
    ...rutter,
    createAccount: async (input: Parameters<typeof rutter.createAccount>[0]) => {
      seen.calls += 1;
      if (seen.cancelled) seen.begunAfter += 1;
      if (seen.calls === nth) {
        expect((await cancel(claimed)).kind).toBe('cancelled');
        seen.cancelled = true;
      }
      return await rutter.createAccount(input);
    },
  };
  return { client, seen };
}

it('ends publishing in the middle: no request begins after it, no feed is opened, and those opened are closed', async () => {
  const claimed = await claim(8);
  const { client, seen } = cancelling(claimed, 3);
  const settings = { ...fixture.deps.settings, publishConcurrency: 1 };
  const result = await fixture.attempt(
    rutterPublishAccounts,
    { handoffId: claimed.handoffId, mayAsk: true },
    { rutter: client, settings },
  );
  expect(result).toEqual({ outcome: 'over', state: 'refused' });
  expect(seen).toMatchObject({ calls: 3, begunAfter: 0 });
  expect(await feedsOf(claimed)).toEqual(['closed', 'closed']);
  // The request under way could not be called back: its account is known there and used by the next handoff.
  expect(await accountsAtRutter(claimed)).toBe(3);
  expect(await fixture.attempt(rutterCreateOtp, claimed)).toEqual({ outcome: 'over', state: 'refused' });
  expect(await fixture.requests('POST', 'bank_feeds/otp')).toEqual([]);

  const again = await claim(8, claimed);
  await fixture.attempt(rutterPublishAccounts, again);
  expect(await feedsOf(again)).toEqual(Array.from({ length: 8 }, () => 'awaiting_activation'));
  expect(await accountsAtRutter(again)).toBe(8);
});

it('ends publishing of several at a time, with at most those under way', async () => {
  const claimed = await claim(12);
  const { client, seen } = cancelling(claimed, 4);
  const settings = { ...fixture.deps.settings, publishConcurrency: 4 };
  const result = await fixture.attempt(rutterPublishAccounts, claimed, { rutter: client, settings });
  expect(result).toEqual({ outcome: 'over', state: 'refused' });
  expect(seen.begunAfter).toBeLessThanOrEqual(3);
  expect((await feedsOf(claimed)).every((state) => state === 'closed')).toBe(true);
});

it('leaves feeds that an earlier handoff opened as they are', async () => {
  const first = await claim(2);
  await fixture.attempt(rutterPublishAccounts, first);
  await fixture.attempt(rutterCreateOtp, first);
  await fixture.pool.query(
    `UPDATE feeds SET state_since = state_since - interval '1 minute' WHERE connection_id = $1`,
    [first.connectionId],
  );
  const second = await claim(2, first);
  await fixture.attempt(rutterPublishAccounts, second);
  expect(await cancel(second)).toEqual({ kind: 'cancelled', closedFeedIds: [] });
  expect(await feedsOf(second)).toEqual(['awaiting_activation', 'awaiting_activation']);
});

it('gives up what the handoff left to publish later', async () => {
  const claimed = await claim(3);
  await fixture.pool.query(
    `UPDATE handoffs SET first_seen_at = now() - interval '524 seconds', deadline_at = now() + interval '46 seconds'
      WHERE handoff_id = $1`,
    [claimed.handoffId],
  );
  await fixture.control('POST', '/knobs', { accountJobRunMs: 400 });
  const settings = { ...fixture.deps.settings, publishConcurrency: 1 };
  await fixture.attempt(rutterPublishAccounts, claimed, { settings });
  await fixture.control('POST', '/knobs', { accountJobRunMs: null });
  expect(await fixture.attempt(rutterCreateOtp, claimed)).toEqual({ outcome: 'ready' });
  const before = await accountsAtRutter(claimed);
  expect(before).toBeLessThan(3);
  expect((await cancel(claimed)).kind).toBe('cancelled');
  expect((await fixture.handoff(claimed.handoffId)).answer).toBeNull();
  await fixture.attempt(rutterReadConnection, { connectionId: claimed.connectionId, awaitedForMs: 0 });
  expect(await accountsAtRutter(claimed)).toBe(before);
  expect(new Set(await feedsOf(claimed))).toEqual(new Set(['closed']));
});

it('is decided against the connection that is created meanwhile by one of both', async () => {
  for (let round = 0; round < 5; round += 1) {
    const customer = await fixture.makeCustomer({ accounts: 1 });
    const handoff = await fixture.share(customer);
    const [connected, cancelled] = await Promise.all([
      fixture.attemptUntilDone(rutterEnsureHandoffConnection, handoff),
      cancelHandoff(fixture.pool, { handoffId: handoff.handoffId, customerId: customer.customerId }),
    ]);
    expect(cancelled.kind).toBe('cancelled');
    expect(['claimed', 'over']).toContain(connected.outcome);
    expect(await fixture.attempt(rutterEnsureHandoffConnection, handoff)).toEqual({
      outcome: 'over',
      state: 'refused',
    });
  }
});

it('an unused link ends after its deadline with the reason, is counted once, and a used one is left to its workflow', async () => {
  const open = (handoffId: string, lifetimeMs: number) =>
    openHandoff(fixture.pool, {
      handoffId,
      lifetimeMs,
      redirectSealed: 'x',
      fetchSite: null,
      refererOrigin: null,
    });
  await open('unused', 0);
  await open('refused', 0);
  await recordSignInFailure(fixture.pool, { handoffId: 'refused' });
  await open('open', 60_000);
  const used = await fixture.share(await fixture.makeCustomer(), { ageMs: 600_000 });
  const counts = async () =>
    new Map((await readHandoffCounts(fixture.pool)).map(({ reason, count }) => [reason, count]));
  expect(await endUnusedHandoffs(fixture.pool)).toBe(2);
  expect(await endUnusedHandoffs(fixture.pool)).toBe(0);
  const found = await Promise.all(['unused', 'refused', 'open', used.handoffId].map(readRow));
  expect(found).toEqual([
    ['expired', 'not_signed_in'],
    ['expired', 'sign_in_refused'],
    ['opened', null],
    ['sharing', null],
  ]);
  const counted = await counts();
  expect([counted.get('not_signed_in'), counted.get('sign_in_refused')]).toEqual([1, 1]);
});

async function readRow(handoffId: string): Promise<[string, string | null]> {
  const { rows } = await fixture.pool.query<{ state: string; reason: string | null }>(
    `SELECT state, reason FROM handoffs WHERE handoff_id = $1`,
    [handoffId],
  );
  return [rows[0]!.state, rows[0]!.reason];
}
