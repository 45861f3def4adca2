import { lockLife, recordLife } from '../../../../src/db/account-life.js';
import { transaction } from '../../../../src/db/pool.js';
import { applyFeedRequest } from '../../../../src/db/rutter/feed-facts.js';
import { decidePosting } from '../../../../src/db/rutter/posting-decisions.js';
import { readBook } from '../book.js';
import { RequestGate } from './gate.js';
import { moveHistory, replaceBefore } from './replacing.js';
import type { ConnectionChange, Step } from './plan.js';
import type { DeliveryConnection, DeliveryFeed, DeliverySimulation } from './simulation.js';

/*
 * The steps of a plan: what core banking, customers, operators, Rutter and Sage do, and the delivery runs and checks
 * that a workflow would start.
 */

/** A lease lasts 10 s. */
const leaseExpiredMs = 11_000;

export async function takeStep(simulation: DeliverySimulation, step: Step): Promise<void> {
  switch (step.kind) {
    case 'send':
      simulation.counts.buildsMax += simulation.feeds.length;
      return await simulation.bank.send(pick(simulation.accounts, step.account), step.call);
    case 'delivery_run': {
      const ending = await simulation.deliveryRun(pick(simulation.feeds, step.feed), step);
      if (ending === 'crashed' || ending === 'failed') return;
      if (ending.waitMs !== undefined) await simulation.fixture.clock.advance(ending.waitMs);
      return;
    }
    case 'connection_check':
      await simulation.checkConnection(pick(simulation.connections, step.connection), step.crash);
      return;
    case 'fault':
      await simulation.open.control('POST', '/faults', step.spec);
      return;
    case 'operator':
      return await requestOfFeed(simulation, pick(simulation.feeds, step.feed), step.action);
    case 'decide':
      return await decide(simulation, pick(simulation.feeds, step.feed), step);
    case 'hold':
      return await hold(simulation, pick(simulation.feeds, step.feed), step);
    case 'account_life':
      return await changeLife(simulation, pick(simulation.accounts, step.account).accountId, step);
    case 'replace':
      return await replaceBefore(simulation, step.account);
    case 'move_history':
      return await moveHistory(simulation, step);
    case 'resync':
      simulation.counts.buildsMax += 1;
      simulation.counts.resyncs += 1;
      await simulation.resync(pick(simulation.feeds, step.feed), step);
      return;
    case 'sage_disconnect': {
      const feed = pick(simulation.feeds, step.feed);
      simulation.unseen.add(feed.rutterAccountId);
      await simulation.open.control('POST', `/accounts/${feed.rutterAccountId}/disconnect`);
      return;
    }
    case 'sage_select':
      return await selectAccount(simulation, pick(simulation.feeds, step.feed), step.startDate);
    case 'connection':
      return await changeConnection(simulation, pick(simulation.connections, step.connection), step.to);
    case 'time':
      return await simulation.fixture.clock.advance(step.ms);
    case 'frozen_sender':
      return await frozenSender(simulation, step);
  }
}

function pick<T>(list: readonly T[], number: number): T {
  const item = list[number % list.length];
  if (item === undefined) throw new Error('a simulation has at least one of everything');
  return item;
}

export async function requestOfFeed(
  simulation: DeliverySimulation,
  feed: DeliveryFeed,
  action: 'pause' | 'resume' | 'sync' | 'close',
): Promise<void> {
  simulation.counts.buildsMax += 1;
  if (action === 'sync' || action === 'resume') simulation.counts.resumes += 1;
  await applyFeedRequest(simulation.fixture.pool, { feedId: feed.feedId, action });
}

async function decide(
  simulation: DeliverySimulation,
  { feedId, rutterAccountId }: DeliveryFeed,
  { posting, what }: Extract<Step, { kind: 'decide' }>,
): Promise<void> {
  const { pool } = simulation.fixture;
  const { rows } = await pool.query<{ id: string }>(
    `SELECT transaction_id AS id FROM ledger WHERE feed_id = $1 AND exception IN ('quarantined', 'conflict')
      ORDER BY transaction_id`,
    [feedId],
  );
  if (rows.length === 0) return;
  const input = { feedId, transactionId: pick(rows, posting).id, reason: 'drawn' };
  const done = await decidePosting(pool, { ...input, action: what });
  if (done.kind !== 'done') return;
  simulation.counts.decisions += 1;
  if (what === 'release') simulation.counts.buildsMax += 1;
  else if (await isBooked(simulation, rutterAccountId, input.transactionId))
    simulation.accepted.add(`${feedId} ${input.transactionId}`);
}

/** Holds a posting that is in no batch, or decides on one that is held. */
async function hold(
  simulation: DeliverySimulation,
  { feedId, accountId }: DeliveryFeed,
  { posting, what }: Extract<Step, { kind: 'hold' }>,
): Promise<void> {
  const { pool } = simulation.fixture;
  const { rows } = await pool.query<{ id: string }>(
    `SELECT p.transaction_id AS id FROM postings p
       LEFT JOIN posting_holds h ON h.feed_id = $1 AND h.transaction_id = p.transaction_id
      WHERE p.account_id = $2 AND p.status = 'posted' AND (h.state IS NOT DISTINCT FROM 'held') = $3
        AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.feed_id = $1 AND l.transaction_id = p.transaction_id)
      ORDER BY p.transaction_id`,
    [feedId, accountId, what !== 'hold'],
  );
  if (rows.length === 0) return;
  const transactionId = pick(rows, posting).id;
  const done = await decidePosting(pool, { feedId, transactionId, reason: 'drawn', action: what });
  if (done.kind !== 'done') return;
  simulation.counts.holds += 1;
  if (what === 'release') simulation.counts.buildsMax += 1;
}

/** What a `PUT` of the account does with `closed_on`. */
async function changeLife(
  simulation: DeliverySimulation,
  accountId: string,
  { closedOn }: Extract<Step, { kind: 'account_life' }>,
): Promise<void> {
  simulation.counts.closings += closedOn === null ? 0 : 1;
  simulation.counts.buildsMax += simulation.feeds.length;
  await transaction(simulation.fixture.pool, async (db) => {
    const before = await lockLife(db, { accountId });
    if (before === null) throw new Error('an account of the simulation has no row');
    await db.query(`UPDATE accounts SET closed_on = $2 WHERE account_id = $1`, [accountId, closedOn]);
    const after = { closedOn, replaces: before.replaces };
    await recordLife(db, { accountId, customerId: before.customerId, before, after });
  });
}

async function isBooked({ open }: DeliverySimulation, rutterAccountId: string, id: string): Promise<boolean> {
  const booked = (await readBook(open.control)).get(rutterAccountId) ?? [];
  return booked.some((entry) => entry.transaction_id === id);
}

export async function selectAccount(
  simulation: DeliverySimulation,
  feed: DeliveryFeed,
  startDate: string,
): Promise<void> {
  feed.startDate = startDate;
  simulation.unseen.add(feed.rutterAccountId);
  simulation.counts.buildsMax += 1;
  await simulation.open.control('POST', `/accounts/${feed.rutterAccountId}/select`, {
    transaction_start_date: startDate,
  });
}

export async function changeConnection(
  simulation: DeliverySimulation,
  connection: DeliveryConnection,
  to: ConnectionChange,
): Promise<void> {
  const { control } = simulation.open;
  const path = `/connections/${connection.rutterConnectionId}`;
  if (to === 'token_revoked' || to === 'organisation_revoked') {
    await control('POST', to === 'token_revoked' ? `${path}/token` : '/organisations/revoke', {
      revoked: true,
    });
    return;
  }
  await control('POST', `${path}/status`, { status: to, silent: true });
  if (to !== 'active') return;
  await control('POST', `${path}/token`, { revoked: false });
  await control('POST', '/organisations/revoke', { revoked: false });
}

/**
 * F18: a sender freezes in its POST and its lease expires. Another sender takes over the delivery lock, and the first one
 * wakes up while the other holds it. Without a lease it makes no key and builds no batch (I10).
 */
async function frozenSender(
  simulation: DeliverySimulation,
  step: Extract<Step, { kind: 'frozen_sender' }>,
): Promise<void> {
  const gate = new RequestGate(step.heldAt);
  const frozen = simulation.deliveryRun(pick(simulation.feeds, step.feed), { gate });
  const reached = await Promise.race([gate.reached.then(() => true), frozen.then(() => false)]);
  if (!reached) return;
  simulation.counts.frozenSenders += 1;
  await simulation.fixture.clock.advance(leaseExpiredMs);
  const otherGate = step.otherHeldAt === null ? null : new RequestGate(step.otherHeldAt);
  const other = simulation.deliveryRun(
    pick(simulation.feeds, step.other),
    otherGate === null ? {} : { gate: otherGate },
  );
  const held =
    otherGate !== null && (await Promise.race([otherGate.reached.then(() => true), other.then(() => false)]));
  if (otherGate === null) await other;
  const sameDeliveryLock =
    pick(simulation.feeds, step.feed).connectionId === pick(simulation.feeds, step.other).connectionId;
  const keysBefore = await countKeys(simulation);
  gate.open();
  await frozen;
  if (held && sameDeliveryLock && (await countKeys(simulation)) !== keysBefore) {
    simulation.violations.push('I10: a sender without a lease made a new key');
  }
  otherGate?.open();
  await other;
}

async function countKeys(simulation: DeliverySimulation): Promise<number> {
  const { rows } = await simulation.fixture.pool.query<{ keys: number }>(
    `SELECT count(*)::int AS keys FROM batches JOIN attempts USING (batch_id) WHERE feed_id = ANY ($1)`,
    [simulation.feeds.map((feed) => feed.feedId)],
  );
  return rows[0]?.keys ?? 0;
}
