import { isParked } from '../../../../src/domain/feed.js';
import { noCorrection } from '../../../../src/domain/posting-correction.js';
import { applyFeedRequest } from '../../../../src/db/rutter/feed-facts.js';
import { discardPosting, releasePosting } from '../../../../src/db/rutter/quarantine.js';
import { createDeliverWorld, type DeliverWorld, type WorldConnection, type WorldFeed } from './simulation.js';
import type { DeliverGround } from './fixture.js';
import type { ConnectionChange, DeliverPlan, Step } from './plan.js';
import { Gate } from '../../gate.js';
import { readBook, refereeRun } from '../checker.js';
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

/** Carries out one plan in a world of its own and has it judged. */
export async function runDeliverPlan(ground: DeliverGround, plan: DeliverPlan): Promise<RunReport> {
  const open = await ground.openSandbox({ readBackLagMs: plan.readBackLagMs });
  try {
    const world = await createDeliverWorld(ground, open, plan);
    for (const step of plan.steps) await takeStep(world, step);
    const fired = await endFaults(world, plan);
    const rounds = await settle(world, plan);
    const breaches = await judge(world, plan, fired);
    const faults = Object.fromEntries([...fired].map(([kind, count]) => [`fault ${kind}`, count]));
    const { deaths, zombies, decisions, resyncs } = world.counts;
    const posts = world.traffic.batches.length;
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
        conflicts: world.bank.conflicts,
      },
    };
  } finally {
    await open.sandbox.close();
  }
}

async function takeStep(world: DeliverWorld, step: Step): Promise<void> {
  switch (step.kind) {
    case 'send':
      world.counts.cutsMax += world.feeds.length;
      return await world.bank.send(pick(world.accounts, step.account), step.call);
    case 'slice': {
      const ending = await world.slice(pick(world.feeds, step.feed), step);
      if (ending === 'died' || ending === 'failed') return;
      if (ending.waitMs !== undefined) await world.ground.clock.advance(ending.waitMs);
      return;
    }
    case 'look':
      await world.look(pick(world.connections, step.connection), step.death);
      return;
    case 'fault':
      await world.open.control('POST', '/faults', step.spec);
      return;
    case 'person':
      return await ask(world, pick(world.feeds, step.feed), step.action);
    case 'decide':
      return await decide(world, pick(world.feeds, step.feed), step);
    case 'resync':
      world.counts.cutsMax += 1;
      world.counts.resyncs += 1;
      await world.resync(pick(world.feeds, step.feed), step);
      return;
    case 'sage_disconnect': {
      const feed = pick(world.feeds, step.feed);
      world.unseen.add(feed.rutterAccountId);
      await world.open.control('POST', `/accounts/${feed.rutterAccountId}/disconnect`);
      return;
    }
    case 'sage_select':
      return await select(world, pick(world.feeds, step.feed), step.startDate);
    case 'connection':
      return await changeConnection(world, pick(world.connections, step.connection), step.to);
    case 'time':
      return await world.ground.clock.advance(step.ms);
    case 'zombie':
      return await zombie(world, step);
  }
}

function pick<T>(list: readonly T[], number: number): T {
  const item = list[number % list.length];
  if (item === undefined) throw new Error('a world has at least one of everything');
  return item;
}

async function ask(
  world: DeliverWorld,
  feed: WorldFeed,
  action: 'pause' | 'resume' | 'sync' | 'close',
): Promise<void> {
  world.counts.cutsMax += 1;
  if (action === 'sync' || action === 'resume') world.counts.resumes += 1;
  await applyFeedRequest(world.ground.pool, { feedId: feed.feedId, action });
}

async function decide(
  world: DeliverWorld,
  { feedId, rutterAccountId }: WorldFeed,
  { posting, what }: Extract<Step, { kind: 'decide' }>,
): Promise<void> {
  const { pool } = world.ground;
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
  world.counts.decisions += 1;
  if (what === 'release') world.counts.cutsMax += 1;
  else if (await isBooked(world, rutterAccountId, input.transactionId))
    world.accepted.add(`${feedId} ${input.transactionId}`);
}

async function isBooked({ open }: DeliverWorld, rutterAccountId: string, id: string): Promise<boolean> {
  const booked = (await readBook(open.control)).get(rutterAccountId) ?? [];
  return booked.some((entry) => entry.transaction_id === id);
}

async function select(world: DeliverWorld, feed: WorldFeed, startDate: string): Promise<void> {
  feed.startDate = startDate;
  world.unseen.add(feed.rutterAccountId);
  world.counts.cutsMax += 1;
  await world.open.control('POST', `/accounts/${feed.rutterAccountId}/select`, {
    transaction_start_date: startDate,
  });
}

async function changeConnection(
  world: DeliverWorld,
  connection: WorldConnection,
  to: ConnectionChange,
): Promise<void> {
  const { control } = world.open;
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
 * F18: a sender is frozen in its POST, its lease runs out, another one works on the lane, and while that one holds the
 * lane the first wakes up. Without a lease it makes no key and cuts no batch (I10).
 */
async function zombie(world: DeliverWorld, step: Extract<Step, { kind: 'zombie' }>): Promise<void> {
  const gate = new Gate(step.heldAt);
  const frozen = world.slice(pick(world.feeds, step.feed), { gate });
  const began = await Promise.race([gate.reached.then(() => true), frozen.then(() => false)]);
  if (!began) return;
  world.counts.zombies += 1;
  await world.ground.clock.advance(leaseOverMs);
  const otherGate = step.otherHeldAt === null ? null : new Gate(step.otherHeldAt);
  const other = world.slice(pick(world.feeds, step.other), otherGate === null ? {} : { gate: otherGate });
  const held =
    otherGate !== null && (await Promise.race([otherGate.reached.then(() => true), other.then(() => false)]));
  if (otherGate === null) await other;
  const sameLane = pick(world.feeds, step.feed).connectionId === pick(world.feeds, step.other).connectionId;
  const before = await countKeys(world);
  gate.open();
  await frozen;
  if (held && sameLane && (await countKeys(world)) !== before) {
    world.breaches.push('I10: a sender without a lease made a new key');
  }
  otherGate?.open();
  await other;
}

async function countKeys(world: DeliverWorld): Promise<number> {
  const { rows } = await world.ground.pool.query<{ keys: number }>(
    `SELECT count(*)::int AS keys FROM batches JOIN attempts USING (batch_id) WHERE feed_id = ANY ($1)`,
    [world.feeds.map((feed) => feed.feedId)],
  );
  return rows[0]?.keys ?? 0;
}

/** The faults are over, and what was broken outside is mended. Answers how often which kind has fired. */
async function endFaults(world: DeliverWorld, plan: DeliverPlan): Promise<Map<string, number>> {
  const { control } = world.open;
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
  for (const connection of world.connections) await changeConnection(world, connection, 'active');
  return fired;
}

function refusesBatches(spec: { kind: string; accepted?: boolean; http_status?: number }): boolean {
  if (spec.kind === 'status' || spec.kind === 'platform_bad_request' || spec.kind === 'poison') return true;
  return spec.kind === 'job_failure' && (spec.http_status ?? 450) < 500;
}

/** People do what only people can, and then the feeds are left alone until all have caught up. Answers the rounds. */
async function settle(world: DeliverWorld, plan: DeliverPlan): Promise<number> {
  for (const feed of world.feeds) {
    await select(world, feed, feed.startDate ?? defaultStartDate);
    await ask(world, feed, 'resume');
  }
  for (let round = 1; round <= roundsMax; round += 1) {
    await world.ground.clock.advance(plan.gapMs);
    for (const connection of world.connections) {
      if (needsLook(world, connection)) await world.look(connection);
    }
    let busy = false;
    for (const feed of world.feeds) busy = (await goOn(world, feed)) || busy;
    if (!busy && world.unseen.size === 0) return round;
  }
  world.breaches.push(`I8: not caught up after ${roundsMax} rounds without a fault`);
  return roundsMax;
}

function needsLook(world: DeliverWorld, connection: WorldConnection): boolean {
  // As its workflow does: while something is awaited. Looking once more is harmless.
  return world.feeds.some((feed) => feed.connectionId === connection.connectionId);
}

/** One slice; answers whether the feed is still at something. */
async function goOn(world: DeliverWorld, feed: WorldFeed): Promise<boolean> {
  const ending = await world.slice(feed);
  if (ending === 'died' || ending === 'failed') return true;
  if (ending.outcome === 'caught_up') return ending.batches > 0;
  if (ending.outcome === 'closed') return ending.batches > 0;
  if (ending.waitMs !== undefined) await world.ground.clock.advance(ending.waitMs);
  // The way out of a parked feed is a person who has read its reason.
  if (isParked(ending.reason)) await ask(world, feed, 'sync');
  return true;
}

async function judge(
  world: DeliverWorld,
  plan: DeliverPlan,
  fired: ReadonlyMap<string, number>,
): Promise<string[]> {
  const lied = plan.steps.some((step) => step.kind === 'fault' && isLie(step.spec));
  const { counts, traffic } = world;
  let extraPosts = traffic.troubles + counts.deaths + postsPerZombie * counts.zombies + counts.resumes;
  for (const [kind, count] of fired) extraPosts += count * (kind.endsWith('(refusal)') ? postsPerRefusal : 1);
  const found = await refereeRun({
    pool: world.ground.pool,
    control: world.open.control,
    bank: world.bank,
    feeds: world.feeds,
    batches: traffic.batches,
    excuses: {
      resent: plan.readBackLagMs > 0 || lied || counts.zombies > 0,
      lies: lied,
      // Postings whose quarantine was taken back come after the cursor's place, too: they go again marked late.
      omissions: fired.has('omit_from_answer') || hasRefusals(fired),
      postsUnderUnseenChange: counts.postsUnderUnseenChange,
      accepted: world.accepted,
      poisoned: refusedIds(world, plan, fired),
      extraPosts,
      cutsMax: counts.cutsMax,
    },
  });
  return [...world.breaches, ...found];
}

/** Ids that Sage may have refused alone: poisoned ones, and any that went alone while something refused batches. */
function refusedIds(world: DeliverWorld, plan: DeliverPlan, fired: ReadonlyMap<string, number>): Set<string> {
  const poisoned = plan.steps.flatMap(poisonedBy);
  const alone = world.traffic.batches.filter((sent) => sent.transactionIds.length === 1);
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
