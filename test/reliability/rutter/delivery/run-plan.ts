import { isBlocked } from '../../../../src/domain/rutter/feed.js';
import { noCorrection } from '../../../../src/domain/posting-correction.js';
import { applyFeedRequest } from '../../../../src/db/rutter/feed-facts.js';
import { discardPosting, releasePosting } from '../../../../src/db/rutter/quarantine.js';
import {
  createDeliverSimulation,
  type DeliverSimulation,
  type SimulationConnection,
  type SimulationFeed,
} from './simulation.js';
import type { DeliverFixture } from './fixture.js';
import type { ConnectionChange, DeliverPlan, Step } from './plan.js';
import { Gate } from '../../gate.js';
import { readBook, checkRun } from '../checker.js';
import { defaultStartDate } from '../draw-postings.js';

/** A lease lives 10 s. */
const leaseOverMs = 11_000;
/** I8: so many rounds over all feeds, with nobody's hand but for what a person must decide, and all have caught up. */
const roundsMax = 40;
/** POSTs that one refusal justifies: halving a batch of a thousand down to one posting, twice over. */
const postsPerRefusal = 25;
const postsPerZombie = 3;

export interface RunReport {
  readonly breaches: readonly string[];
  /** What the run has exercised, for the sums. */
  readonly seen: Readonly<Record<string, number>>;
}

/** Carries out one plan in a simulation of its own and has it checked. */
export async function runDeliverPlan(fixture: DeliverFixture, plan: DeliverPlan): Promise<RunReport> {
  const open = await fixture.openSandbox({ readBackLagMs: plan.readBackLagMs });
  try {
    const simulation = await createDeliverSimulation(fixture, open, plan);
    for (const step of plan.steps) await takeStep(simulation, step);
    const fired = await endFaults(simulation, plan);
    const rounds = await complete(simulation, plan);
    const breaches = await check(simulation, plan, fired);
    const faults = Object.fromEntries([...fired].map(([kind, count]) => [`fault ${kind}`, count]));
    const { deaths, zombies, decisions, resyncs } = simulation.counts;
    const posts = simulation.traffic.batches.length;
    return {
      breaches,
      seen: {
        ...faults,
        deaths,
        zombies,
        decisions,
        resyncs,
        posts,
        rounds,
        conflicts: simulation.bank.conflicts,
      },
    };
  } finally {
    await open.sandbox.close();
  }
}

async function takeStep(simulation: DeliverSimulation, step: Step): Promise<void> {
  switch (step.kind) {
    case 'send':
      simulation.counts.cutsMax += simulation.feeds.length;
      return await simulation.bank.send(pick(simulation.accounts, step.account), step.call);
    case 'deliveryRun': {
      const ending = await simulation.deliveryRun(pick(simulation.feeds, step.feed), step);
      if (ending === 'died' || ending === 'failed') return;
      if (ending.waitMs !== undefined) await simulation.fixture.clock.advance(ending.waitMs);
      return;
    }
    case 'look':
      await simulation.look(pick(simulation.connections, step.connection), step.death);
      return;
    case 'fault':
      await simulation.open.control('POST', '/faults', step.spec);
      return;
    case 'person':
      return await ask(simulation, pick(simulation.feeds, step.feed), step.action);
    case 'decide':
      return await decide(simulation, pick(simulation.feeds, step.feed), step);
    case 'resync':
      simulation.counts.cutsMax += 1;
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
      return await select(simulation, pick(simulation.feeds, step.feed), step.startDate);
    case 'connection':
      return await changeConnection(simulation, pick(simulation.connections, step.connection), step.to);
    case 'time':
      return await simulation.fixture.clock.advance(step.ms);
    case 'zombie':
      return await zombie(simulation, step);
  }
}

function pick<T>(list: readonly T[], number: number): T {
  const item = list[number % list.length];
  if (item === undefined) throw new Error('a simulation has at least one of everything');
  return item;
}

async function ask(
  simulation: DeliverSimulation,
  feed: SimulationFeed,
  action: 'pause' | 'resume' | 'sync' | 'close',
): Promise<void> {
  simulation.counts.cutsMax += 1;
  if (action === 'sync' || action === 'resume') simulation.counts.resumes += 1;
  await applyFeedRequest(simulation.fixture.pool, { feedId: feed.feedId, action });
}

async function decide(
  simulation: DeliverSimulation,
  { feedId, rutterAccountId }: SimulationFeed,
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
  const done =
    what === 'discard'
      ? await discardPosting(pool, input)
      : await releasePosting(pool, { ...input, correction: noCorrection });
  if (done.kind !== 'done') return;
  simulation.counts.decisions += 1;
  if (what === 'release') simulation.counts.cutsMax += 1;
  else if (await isBooked(simulation, rutterAccountId, input.transactionId))
    simulation.accepted.add(`${feedId} ${input.transactionId}`);
}

async function isBooked({ open }: DeliverSimulation, rutterAccountId: string, id: string): Promise<boolean> {
  const booked = (await readBook(open.control)).get(rutterAccountId) ?? [];
  return booked.some((entry) => entry.transaction_id === id);
}

async function select(simulation: DeliverSimulation, feed: SimulationFeed, startDate: string): Promise<void> {
  feed.startDate = startDate;
  simulation.unseen.add(feed.rutterAccountId);
  simulation.counts.cutsMax += 1;
  await simulation.open.control('POST', `/accounts/${feed.rutterAccountId}/select`, {
    transaction_start_date: startDate,
  });
}

async function changeConnection(
  simulation: DeliverSimulation,
  connection: SimulationConnection,
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
 * F18: a sender is frozen in its POST, its lease runs out, another one works on the delivery lock, and while that one holds the
 * delivery lock the first wakes up. Without a lease it makes no key and cuts no batch (I10).
 */
async function zombie(simulation: DeliverSimulation, step: Extract<Step, { kind: 'zombie' }>): Promise<void> {
  const gate = new Gate(step.heldAt);
  const frozen = simulation.deliveryRun(pick(simulation.feeds, step.feed), { gate });
  const began = await Promise.race([gate.reached.then(() => true), frozen.then(() => false)]);
  if (!began) return;
  simulation.counts.zombies += 1;
  await simulation.fixture.clock.advance(leaseOverMs);
  const otherGate = step.otherHeldAt === null ? null : new Gate(step.otherHeldAt);
  const other = simulation.deliveryRun(
    pick(simulation.feeds, step.other),
    otherGate === null ? {} : { gate: otherGate },
  );
  const held =
    otherGate !== null && (await Promise.race([otherGate.reached.then(() => true), other.then(() => false)]));
  if (otherGate === null) await other;
  const sameDeliveryLock =
    pick(simulation.feeds, step.feed).connectionId === pick(simulation.feeds, step.other).connectionId;
  const before = await countKeys(simulation);
  gate.open();
  await frozen;
  if (held && sameDeliveryLock && (await countKeys(simulation)) !== before) {
    simulation.breaches.push('I10: a sender without a lease made a new key');
  }
  otherGate?.open();
  await other;
}

async function countKeys(simulation: DeliverSimulation): Promise<number> {
  const { rows } = await simulation.fixture.pool.query<{ keys: number }>(
    `SELECT count(*)::int AS keys FROM batches JOIN attempts USING (batch_id) WHERE feed_id = ANY ($1)`,
    [simulation.feeds.map((feed) => feed.feedId)],
  );
  return rows[0]?.keys ?? 0;
}

/** The faults are over, and what was broken outside is mended. Answers how often which kind has fired. */
async function endFaults(simulation: DeliverSimulation, plan: DeliverPlan): Promise<Map<string, number>> {
  const { control } = simulation.open;
  const { faults } = (await control('GET', '/faults')) as {
    faults: { spec: { kind: string; accepted?: boolean; http_status?: number }; fired: number }[];
  };
  await control('DELETE', '/faults');
  const fired = new Map<string, number>();
  for (const { spec, fired: count } of faults) {
    if (count === 0) continue;
    const refuses = refusesBatches(spec);
    const name = refuses ? `${spec.kind} (refusal)` : spec.kind;
    fired.set(name, (fired.get(name) ?? 0) + count);
  }
  const { jobs } = (await control('GET', '/jobs')) as {
    jobs: { id: string; finished_at: string | null; planned: string }[];
  };
  for (const job of jobs) {
    if (job.finished_at !== null || job.planned !== 'never') continue;
    const how = plan.jobsEndAs === null ? {} : { http_status: plan.jobsEndAs };
    await control('POST', `/jobs/${job.id}/finish`, how);
    if (plan.jobsEndAs !== null) fired.set('late job (refusal)', (fired.get('late job (refusal)') ?? 0) + 1);
  }
  for (const connection of simulation.connections) await changeConnection(simulation, connection, 'active');
  return fired;
}

function refusesBatches(spec: { kind: string; accepted?: boolean; http_status?: number }): boolean {
  if (spec.kind === 'status' || spec.kind === 'platform_bad_request' || spec.kind === 'poison') return true;
  return spec.kind === 'job_failure' && (spec.http_status ?? 450) < 500;
}

/** People do what only people can, and then the feeds are left alone until all have caught up. Answers the rounds. */
async function complete(simulation: DeliverSimulation, plan: DeliverPlan): Promise<number> {
  for (const feed of simulation.feeds) {
    await select(simulation, feed, feed.startDate ?? defaultStartDate);
    await ask(simulation, feed, 'resume');
  }
  for (let round = 1; round <= roundsMax; round += 1) {
    await simulation.fixture.clock.advance(plan.gapMs);
    for (const connection of simulation.connections) {
      if (needsCheck(simulation, connection)) await simulation.look(connection);
    }
    let busy = false;
    for (const feed of simulation.feeds) busy = (await goOn(simulation, feed)) || busy;
    if (!busy && simulation.unseen.size === 0) return round;
  }
  simulation.breaches.push(`I8: not caught up after ${roundsMax} rounds without a fault`);
  return roundsMax;
}

function needsCheck(simulation: DeliverSimulation, connection: SimulationConnection): boolean {
  // As its workflow does: while something is awaited. Looking once more is harmless.
  return simulation.feeds.some((feed) => feed.connectionId === connection.connectionId);
}

/** One delivery run; answers whether the feed is still at something. */
async function goOn(simulation: DeliverSimulation, feed: SimulationFeed): Promise<boolean> {
  const ending = await simulation.deliveryRun(feed);
  if (ending === 'died' || ending === 'failed') return true;
  if (ending.outcome === 'caught_up') return ending.batches > 0;
  if (ending.outcome === 'closed') return ending.batches > 0;
  if (ending.waitMs !== undefined) await simulation.fixture.clock.advance(ending.waitMs);
  // The way out of a blocked feed is a person who has read its reason.
  if (isBlocked(ending.reason)) await ask(simulation, feed, 'sync');
  return true;
}

async function check(
  simulation: DeliverSimulation,
  plan: DeliverPlan,
  fired: ReadonlyMap<string, number>,
): Promise<string[]> {
  const lied = plan.steps.some((step) => step.kind === 'fault' && isLie(step.spec));
  const { counts, traffic } = simulation;
  let extraPosts = traffic.failures + counts.deaths + postsPerZombie * counts.zombies + counts.resumes;
  for (const [kind, count] of fired) extraPosts += count * (kind.endsWith('(refusal)') ? postsPerRefusal : 1);
  const found = await checkRun({
    pool: simulation.fixture.pool,
    control: simulation.open.control,
    bank: simulation.bank,
    feeds: simulation.feeds,
    batches: traffic.batches,
    excuses: {
      resent: plan.readBackLagMs > 0 || lied || counts.zombies > 0,
      lies: lied,
      // Postings whose quarantine was taken back come after the cursor's place, too: they go again marked late.
      omissions: fired.has('omit_from_answer') || hasRefusals(fired),
      postsUnderUnseenChange: counts.postsUnderUnseenChange,
      accepted: simulation.accepted,
      poisoned: refusedIds(simulation, plan, fired),
      extraPosts,
      cutsMax: counts.cutsMax,
    },
  });
  return [...simulation.breaches, ...found];
}

/** Ids that Sage may have refused alone: poisoned ones, and any that went alone while something refused batches. */
function refusedIds(
  simulation: DeliverSimulation,
  plan: DeliverPlan,
  fired: ReadonlyMap<string, number>,
): Set<string> {
  const poisoned = plan.steps.flatMap(poisonedBy);
  const alone = simulation.traffic.batches.filter((sent) => sent.transactionIds.length === 1);
  return new Set([...poisoned, ...(hasRefusals(fired) ? alone.flatMap((sent) => sent.transactionIds) : [])]);
}

function hasRefusals(fired: ReadonlyMap<string, number>): boolean {
  return [...fired.keys()].some((kind) => kind.endsWith('(refusal)'));
}

function poisonedBy(step: Step): readonly string[] {
  return step.kind === 'fault' ? (step.spec.kind === 'poison' ? (step.spec.transaction_ids ?? []) : []) : [];
}

function isLie(spec: { kind: string; booked?: boolean; http_status?: number }): boolean {
  return spec.kind === 'rewrite_body' || spec.booked === true || spec.http_status === 410;
}
