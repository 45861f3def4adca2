import { setTimeout as sleep } from 'node:timers/promises';
import { isBlocked, maySend } from '../../../../src/domain/rutter/feed.js';
import { bankFeedWorkflowId, connectionWorkflowId } from '../../../../src/domain/ids.js';
import { createActors, type Actors, type ActorsFeed } from './actors.js';
import type { SimulationFixture } from './fixture.js';
import type { SimulationPlan } from './plan.js';
import { describeSeen, isAtRest, checkRuns, checkState, look, type SeenFeed } from './checker.js';
import { checkRecords } from './records.js';
import { createWatch, type PlannedWatch } from './watch.js';
import { heal, request, select, shareAgain, takeStep } from './steps.js';

/** I8: what may send and has something to send has sent this long after the last fault. */
const progressWithinMs = 90_000;
/** Longest wait of ours without a lost signal: a connection that is refused again and again is asked every 15 min. */
const healedWithinMs = 40 * 60_000;
/** A feed whose signal was lost is found by its own look, a day after the last at the latest. */
const foundWithinMs = 26 * 3_600_000;
/** After a person has asked for another try. */
const triedAgainWithinMs = 20 * 60_000;
/** A connection's workflow ends at its next check, once all its feeds are closed. */
const endedWithinMs = 26 * 3_600_000;
/** Real time. */
const deliveryRunAwaitedMs = 100;
/** While our own credentials are refused, every feed probes every 30 s. */
const outageWaitMaxMs = 10 * 60_000;
/** Chosen by a customer who had not chosen before all was over. */
const lastStartDate = '2026-03-01T00:00:00.000Z';

export interface SimulationRun {
  /** One sentence each; none means that all invariants held. */
  readonly breaches: readonly string[];
  /** What the run has exercised. */
  readonly seen: Readonly<Record<string, number>>;
}

/** Lives through a plan to the end and checks what came of it. Leaves no workflow behind. */
export async function runSimulation(
  fixture: SimulationFixture,
  plan: SimulationPlan,
): Promise<SimulationRun> {
  await fixture.control('DELETE', '/violations');
  const actors = await createActors(fixture, plan);
  await fixture.control('POST', '/knobs', {
    jobRunMs: plan.jobRunMs,
    postLatencyMs: plan.postLatencyMs,
  });
  const watch = createWatch(plan, actors);
  fixture.watch(watch);
  const violations: string[] = [];
  await begin(fixture, plan, actors);
  await live(fixture, { plan, actors, watch });
  watch.calm();
  await endFaults(fixture, plan, actors);
  violations.push(...(await checkProgress(fixture, actors)));
  violations.push(...(await checkRest(fixture, plan, actors)));
  violations.push(...(await checkRecords(fixture, { plan, actors, watch })), ...watch.violations);
  const seen = await checkAtAll(fixture, actors);
  violations.push(...(await closeAll(fixture, actors)));
  fixture.watch(null);
  const booked = seen.reduce((sum, { counts }) => sum + counts.delivered, 0);
  return {
    breaches: violations,
    seen: {
      ...{ attempts: watch.attempts, failures: watch.struck, booked, feeds: actors.feeds.length },
      ...{ posts: watch.traffic.batches.length, answersDuringFailure: watch.traffic.failures },
    },
  };
}

async function live(
  fixture: SimulationFixture,
  { plan, actors, watch }: { plan: SimulationPlan; actors: Actors; watch: PlannedWatch },
): Promise<void> {
  let outage = false;
  for (const { step, duringDeliveryRun, thenWaitMs } of plan.steps) {
    if (duringDeliveryRun) await deliveryRunUnderWay(watch);
    await takeStep(fixture, actors, step);
    const changed =
      step.kind === 'select' || step.kind === 'disconnect' ? actors.feeds[step.feed] : undefined;
    if (changed !== undefined) watch.unseen.changed(changed);
    if (step.kind === 'organisation') outage = step.revoked;
    const waitMs = outage ? Math.min(thenWaitMs, outageWaitMaxMs) : thenWaitMs;
    if (waitMs > 0) await fixture.sleep(waitMs);
  }
}

/** Waits a moment in real time, in which none may begin: then the step comes between delivery runs. */
async function deliveryRunUnderWay(watch: PlannedWatch): Promise<void> {
  const beganMs = performance.now();
  while (watch.feedsAtWork().length === 0 && performance.now() - beganMs < deliveryRunAwaitedMs)
    await sleep(5);
}

async function begin(fixture: SimulationFixture, plan: SimulationPlan, actors: Actors): Promise<void> {
  for (const feed of actors.feeds) {
    const { startDate = null, before = [] } = plan.feeds[feed.index] ?? {};
    for (const call of before) await actors.bank.send(feed, call);
    if (startDate !== null) await select(fixture, feed, startDate);
  }
  for (const { connectionId } of actors.connections) await fixture.facade.wakeConnection({ connectionId });
}

/** The last fault ends: Rutter works again, people have done what only they can do, and nobody does anything more. */
async function endFaults(fixture: SimulationFixture, plan: SimulationPlan, actors: Actors): Promise<void> {
  await fixture.control('DELETE', '/faults');
  await fixture.control('POST', '/knobs', { jobRunMs: 0, postLatencyMs: 0 });
  await fixture.control('POST', '/organisations/revoke', { revoked: false });
  const { jobs } = (await fixture.control('GET', '/jobs')) as {
    jobs: { id: string; finished_at: string | null }[];
  };
  for (const job of jobs) {
    if (job.finished_at === null)
      await fixture.control('POST', `/jobs/${job.id}/finish`, {}).catch(() => undefined);
  }
  for (const feed of actors.feeds) {
    const seen = await look(fixture, feed);
    if (seen.row.state === 'closed' && plan.feeds[feed.index]?.sharedAgainAtLast)
      await shareAgain(fixture, feed);
    if (seen.row.facts.account !== 'active') await select(fixture, feed, lastStartDate);
    const account = (await fixture.control('GET', `/accounts/${feed.rutterAccountId}`)) as {
      feed_status: string;
    };
    if (account.feed_status !== 'active') await select(fixture, feed, lastStartDate);
    // By the plan, not by the row: a pause may still be on its way.
    if (wasPaused(plan, feed)) await request(fixture, feed, ['resume']);
  }
  for (const connection of actors.connections) await heal(fixture, connection, true);
}

function wasPaused(plan: SimulationPlan, feed: ActorsFeed): boolean {
  return plan.steps.some(
    ({ step }) => step.kind === 'request' && step.feed === feed.index && step.actions.includes('pause'),
  );
}

/** I8: whoever may send, knows of it, and is not behind somebody who waits for a person, sends soon. */
async function checkProgress(fixture: SimulationFixture, actors: Actors): Promise<string[]> {
  const before = await Promise.all(actors.feeds.map((feed) => look(fixture, feed)));
  const blockedDeliveryLocks = new Set(
    before.filter(({ row }) => isBlocked(row.reason)).map(({ row }) => row.connectionId),
  );
  const due = before.filter(
    ({ feed, row, counts }) =>
      maySend(row.facts) &&
      !feed.signalLost &&
      counts.ready > 0 &&
      !blockedDeliveryLocks.has(row.connectionId),
  );
  await fixture.sleep(progressWithinMs);
  const found: string[] = [];
  for (const { feed, counts } of due) {
    const after = await look(fixture, feed);
    if (!maySend(after.row.facts) || isBlocked(after.row.reason)) continue;
    const progress = after.counts.ready < counts.ready || after.counts.delivered > counts.delivered;
    if (!progress)
      found.push(`I8: nothing went out within ${String(progressWithinMs)} ms: ${describeSeen(after)}`);
  }
  return found;
}

/** I8 and I9: all come to rest by themselves; those blocked for a person come on when asked to try again. */
async function checkRest(
  fixture: SimulationFixture,
  plan: SimulationPlan,
  actors: Actors,
): Promise<string[]> {
  await fixture.sleep(healedWithinMs);
  const found: string[] = [];
  for (const seen of await checkAtAll(fixture, actors)) {
    if (!isAtRest(seen) && !seen.feed.signalLost) found.push(`I8: not at rest: ${describeSeen(seen)}`);
  }
  if (actors.feeds.some((feed) => feed.signalLost)) await findLost(fixture, plan);
  const blocked = (await checkAtAll(fixture, actors)).filter(({ row }) => isBlocked(row.reason));
  for (const { feed } of blocked) await request(fixture, feed, ['sync']);
  if (blocked.length > 0) await fixture.sleep(triedAgainWithinMs);
  for (const seen of await checkAtAll(fixture, actors)) {
    if (!isAtRest(seen) || isBlocked(seen.row.reason))
      found.push(`I8: not at rest at last: ${describeSeen(seen)}`);
    found.push(...(await checkState(fixture, seen)));
    if (seen.row.state !== 'closed') found.push(...(await checkRuns(fixture, seen.feed, 'RUNNING')));
  }
  return found;
}

async function findLost(fixture: SimulationFixture, plan: SimulationPlan): Promise<void> {
  if (plan.lostSignalsFoundBy === 'daily_check') return await fixture.sleep(foundWithinMs);
  await fixture.repair();
  await fixture.sleep(progressWithinMs);
}

function checkAtAll(fixture: SimulationFixture, actors: Actors): Promise<SeenFeed[]> {
  return Promise.all(actors.feeds.map((feed) => look(fixture, feed)));
}

/** Nothing is terminated: this server would never skip time again after an activity outlived its workflow. */
async function closeAll(fixture: SimulationFixture, actors: Actors): Promise<string[]> {
  for (const feed of actors.feeds) await request(fixture, feed, ['close']);
  await fixture.sleep(progressWithinMs);
  for (const { connectionId } of actors.connections) await fixture.facade.wakeConnection({ connectionId });
  await fixture.sleep(progressWithinMs);
  const open = await stillOpen(fixture, actors);
  if (open.length === 0) return [];
  await fixture.sleep(endedWithinMs);
  return (await stillOpen(fixture, actors)).map((id) => `I9: ${id} goes on although all is closed`);
}

async function stillOpen(fixture: SimulationFixture, actors: Actors): Promise<string[]> {
  const ids = [
    ...actors.feeds.map((feed: ActorsFeed) => bankFeedWorkflowId(feed.feedId)),
    ...actors.connections.map(({ connectionId }) => connectionWorkflowId(connectionId)),
  ];
  const statuses = await Promise.all(
    ids.map(async (id) => ({
      id,
      status: (await fixture.client.workflow.getHandle(id).describe()).status.name,
    })),
  );
  return statuses.filter(({ status }) => status !== 'COMPLETED').map(({ id, status }) => `${id} (${status})`);
}
