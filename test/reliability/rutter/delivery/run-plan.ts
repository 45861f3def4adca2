import { isBlocked } from '../../../../src/domain/rutter/feed.js';
import type { RunReport } from '../../seeded-run.js';
import { checkRun } from '../checker.js';
import { checkPossibleDuplicates } from '../possible-duplicates.js';
import { defaultStartDate } from '../draw-postings.js';
import { foldedTexts } from '../faults.js';
import type { DeliveryFixture } from './fixture.js';
import type { DeliveryPlan, Step } from './plan.js';
import {
  createDeliverySimulation,
  type DeliveryConnection,
  type DeliveryFeed,
  type DeliverySimulation,
} from './simulation.js';
import { changeConnection, requestOfFeed, selectAccount, takeStep } from './steps.js';

/** I8: all feeds have caught up after this many rounds, in which operators only do what the service cannot do itself. */
const roundsMax = 40;
/** POSTs that one refusal justifies: bisecting a batch of a thousand down to one posting, twice. */
const postsPerRefusal = 25;
const postsPerFrozenSender = 3;

/** Runs one plan in a new simulation and checks the result. */
export async function runDeliveryPlan(fixture: DeliveryFixture, plan: DeliveryPlan): Promise<RunReport> {
  const open = await fixture.openSandbox({ readBackLagMs: plan.readBackLagMs });
  try {
    const simulation = await createDeliverySimulation(fixture, open, plan);
    for (const step of plan.steps) await takeStep(simulation, step);
    const fired = await endFaults(simulation, plan);
    const rounds = await catchUp(simulation, plan);
    const violations = await check(simulation, plan, fired);
    const faults = Object.fromEntries([...fired].map(([kind, count]) => [`fault ${kind}`, count]));
    const { crashes, frozenSenders, decisions, holds, closings, moves, resyncs } = simulation.counts;
    const posts = simulation.traffic.batches.length;
    return {
      violations,
      exercised: {
        ...faults,
        crashes,
        frozenSenders,
        decisions,
        holds,
        closings,
        moves,
        duplicatesHeld: await countDuplicatesHeld(simulation),
        resyncs,
        posts,
        rounds,
        conflicts: simulation.bank.conflicts,
        withdrawals: simulation.bank.withdrawals,
      },
    };
  } finally {
    await open.sandbox.close();
  }
}

/** Ends all faults and restores the providers. Returns how often each kind of fault occurred. */
async function endFaults(simulation: DeliverySimulation, plan: DeliveryPlan): Promise<Map<string, number>> {
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

/** Operators and customers resolve what needs a person; then delivery runs continue until all feeds have caught up. Returns the rounds. */
async function catchUp(simulation: DeliverySimulation, plan: DeliveryPlan): Promise<number> {
  for (const feed of simulation.feeds) {
    await selectAccount(simulation, feed, feed.startDate ?? defaultStartDate);
    await requestOfFeed(simulation, feed, 'resume');
  }
  for (let round = 1; round <= roundsMax; round += 1) {
    await simulation.fixture.clock.advance(plan.gapMs);
    for (const connection of simulation.connections) {
      if (needsCheck(simulation, connection)) await simulation.checkConnection(connection);
    }
    let busy = false;
    for (const feed of simulation.feeds) busy = (await deliverAgain(simulation, feed)) || busy;
    if (!busy && simulation.unseen.size === 0) return round;
  }
  simulation.violations.push(`I8: not caught up after ${roundsMax} rounds without a fault`);
  return roundsMax;
}

function needsCheck(simulation: DeliverySimulation, connection: DeliveryConnection): boolean {
  // Its workflow polls while a feed waits; one more check is harmless.
  return simulation.feeds.some((feed) => feed.connectionId === connection.connectionId);
}

/** One delivery run. Returns whether the feed has still work to do. */
async function deliverAgain(simulation: DeliverySimulation, feed: DeliveryFeed): Promise<boolean> {
  const ending = await simulation.deliveryRun(feed);
  if (ending === 'crashed' || ending === 'failed') return true;
  if (ending.outcome === 'caught_up') return ending.batches > 0;
  if (ending.outcome === 'closed') return ending.batches > 0;
  if (ending.waitMs !== undefined) await simulation.fixture.clock.advance(ending.waitMs);
  // A blocked feed waits until an operator has resolved the reason and requests a sync.
  if (isBlocked(ending.reason)) await requestOfFeed(simulation, feed, 'sync');
  return true;
}

async function check(
  simulation: DeliverySimulation,
  plan: DeliveryPlan,
  fired: ReadonlyMap<string, number>,
): Promise<string[]> {
  const answersWereFalse = plan.steps.some((step) => step.kind === 'fault' && isFalseAnswer(step.spec));
  const { counts, traffic } = simulation;
  let extraPosts =
    traffic.failures + counts.crashes + postsPerFrozenSender * counts.frozenSenders + counts.resumes;
  for (const [kind, count] of fired) extraPosts += count * (kind.endsWith('(refusal)') ? postsPerRefusal : 1);
  const found = await checkRun({
    pool: simulation.fixture.pool,
    control: simulation.open.control,
    bank: simulation.bank,
    feeds: simulation.feeds,
    batches: traffic.batches,
    allowances: {
      resent: plan.readBackLagMs > 0 || answersWereFalse || counts.frozenSenders > 0,
      falseAnswers: answersWereFalse,
      foldedTexts: foldedTexts(
        plan.steps.flatMap((step) => (step.kind === 'fault' && fired.has(step.spec.kind) ? [step.spec] : [])),
      ),
      // Postings released from quarantine come after the cursor too: they are sent again, marked late.
      omissions: fired.has('omit_from_answer') || hasRefusals(fired),
      postsAfterUnseenChange: counts.postsAfterUnseenChange,
      accepted: simulation.accepted,
      poisoned: refusedIds(simulation, plan, fired),
      extraPosts,
      buildsMax: counts.buildsMax,
    },
  });
  const inexact =
    counts.frozenSenders > 0 || counts.resyncs > 0 || answersWereFalse || plan.readBackLagMs > 0;
  return [...simulation.violations, ...found, ...(await checkReplacing(simulation, inexact))];
}

/** Each feed whose account replaces others, against what these have delivered. */
async function checkReplacing(simulation: DeliverySimulation, inexact: boolean): Promise<string[]> {
  const { accounts, replacedAt, feeds, fixture } = simulation;
  const violations: string[] = [];
  for (const feed of feeds) {
    const since = replacedAt.get(feed.accountId);
    if (since === undefined) continue;
    const own = accounts.findIndex(({ accountId }) => accountId === feed.accountId);
    // The accounts before it, as far as each replaces the next one.
    let first = own;
    while (replacedAt.has(accounts[first]?.accountId ?? '')) first -= 1;
    const replaced = accounts.slice(first, own).map(({ accountId }) => accountId);
    const sinceMs = Math.max(
      ...accounts
        .slice(first + 1, own + 1)
        .map(({ accountId }) => Date.parse(replacedAt.get(accountId) ?? since)),
    );
    violations.push(
      ...(await checkPossibleDuplicates({ pool: fixture.pool, feed, replaced, sinceMs, inexact })),
    );
  }
  return violations;
}

async function countDuplicatesHeld({ fixture, feeds }: DeliverySimulation): Promise<number> {
  const { rows } = await fixture.pool.query<{ held: number }>(
    `SELECT count(*)::int AS held FROM posting_holds
      WHERE feed_id = ANY ($1) AND duplicate_of_transaction_id IS NOT NULL`,
    [feeds.map(({ feedId }) => feedId)],
  );
  return rows[0]?.held ?? 0;
}

/** Ids that Sage may have refused: poisoned ones, and any that were sent alone while a fault refused batches. */
function refusedIds(
  simulation: DeliverySimulation,
  plan: DeliveryPlan,
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

function isFalseAnswer(spec: { kind: string; booked?: boolean; http_status?: number }): boolean {
  return spec.kind === 'rewrite_body' || spec.booked === true || spec.http_status === 410;
}
