import { setTimeout as sleep } from 'node:timers/promises';
import { isParked, maySend } from '../../../../src/domain/feed.js';
import { bankFeedWorkflowId, connectionWorkflowId } from '../../../../src/domain/ids.js';
import { createCast, type Cast, type CastFeed } from './actors.js';
import type { WorldGround } from './fixture.js';
import type { WorldPlan } from './plan.js';
import { describeSeen, isAtRest, judgeRuns, judgeState, look, type SeenFeed } from './checker.js';
import { judgeRecords } from './records.js';
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
/** A connection's workflow ends at its next look, once all its feeds are closed. */
const endedWithinMs = 26 * 3_600_000;
/** Real time. */
const sliceAwaitedMs = 100;
/** While our own credentials are refused, every feed probes every 30 s. */
const outageWaitMaxMs = 10 * 60_000;
/** Chosen by a customer who had not chosen before all was over. */
const lastStartDate = '2026-03-01T00:00:00.000Z';

export interface WorldRun {
  /** One sentence each; none means that all invariants held. */
  readonly breaches: readonly string[];
  /** What the run has exercised. */
  readonly seen: Readonly<Record<string, number>>;
}

/** Lives through a plan to the end and judges what came of it. Leaves no workflow behind. */
export async function runWorld(ground: WorldGround, plan: WorldPlan): Promise<WorldRun> {
  await ground.control('DELETE', '/violations');
  const cast = await createCast(ground, plan);
  await ground.control('POST', '/knobs', {
    jobRunMs: plan.jobRunMs,
    postLatencyMs: plan.postLatencyMs,
  });
  const watch = createWatch(plan, cast);
  ground.watch(watch);
  const violations: string[] = [];
  await begin(ground, plan, cast);
  await live(ground, { plan, cast, watch });
  watch.calm();
  await endFaults(ground, plan, cast);
  violations.push(...(await judgeProgress(ground, cast)));
  violations.push(...(await judgeRest(ground, plan, cast)));
  violations.push(...(await judgeRecords(ground, { plan, cast, watch })), ...watch.violations);
  const seen = await lookAtAll(ground, cast);
  violations.push(...(await closeAll(ground, cast)));
  ground.watch(null);
  const booked = seen.reduce((sum, { counts }) => sum + counts.delivered, 0);
  return {
    breaches: violations,
    seen: {
      ...{ attempts: watch.attempts, troubles: watch.struck, booked, feeds: cast.feeds.length },
      ...{ posts: watch.traffic.batches.length, answersInTrouble: watch.traffic.troubles },
    },
  };
}

async function live(
  ground: WorldGround,
  { plan, cast, watch }: { plan: WorldPlan; cast: Cast; watch: PlannedWatch },
): Promise<void> {
  let outage = false;
  for (const { step, duringSlice, thenWaitMs } of plan.steps) {
    if (duringSlice) await sliceUnderWay(watch);
    await takeStep(ground, cast, step);
    const changed = step.kind === 'select' || step.kind === 'disconnect' ? cast.feeds[step.feed] : undefined;
    if (changed !== undefined) watch.unseen.changed(changed);
    if (step.kind === 'organisation') outage = step.revoked;
    const waitMs = outage ? Math.min(thenWaitMs, outageWaitMaxMs) : thenWaitMs;
    if (waitMs > 0) await ground.sleep(waitMs);
  }
}

/** Waits a moment in real time, in which none may begin: then the step comes between slices. */
async function sliceUnderWay(watch: PlannedWatch): Promise<void> {
  const beganMs = performance.now();
  while (watch.feedsAtWork().length === 0 && performance.now() - beganMs < sliceAwaitedMs) await sleep(5);
}

async function begin(ground: WorldGround, plan: WorldPlan, cast: Cast): Promise<void> {
  for (const feed of cast.feeds) {
    const { startDate = null, before = [] } = plan.feeds[feed.index] ?? {};
    for (const call of before) await cast.bank.send(feed, call);
    if (startDate !== null) await select(ground, feed, startDate);
  }
  for (const { connectionId } of cast.connections) await ground.facade.nudgeConnection({ connectionId });
}

/** The last fault ends: Rutter works again, people have done what only they can do, and nobody does anything more. */
async function endFaults(ground: WorldGround, plan: WorldPlan, cast: Cast): Promise<void> {
  await ground.control('DELETE', '/faults');
  await ground.control('POST', '/knobs', { jobRunMs: 0, postLatencyMs: 0 });
  await ground.control('POST', '/organisations/revoke', { revoked: false });
  const { jobs } = (await ground.control('GET', '/jobs')) as {
    jobs: { id: string; finished_at: string | null }[];
  };
  for (const job of jobs) {
    if (job.finished_at === null)
      await ground.control('POST', `/jobs/${job.id}/finish`, {}).catch(() => undefined);
  }
  for (const feed of cast.feeds) {
    const seen = await look(ground, feed);
    if (seen.row.state === 'closed' && plan.feeds[feed.index]?.sharedAgainAtLast)
      await shareAgain(ground, feed);
    if (seen.row.facts.account !== 'active') await select(ground, feed, lastStartDate);
    const account = (await ground.control('GET', `/accounts/${feed.rutterAccountId}`)) as {
      feed_status: string;
    };
    if (account.feed_status !== 'active') await select(ground, feed, lastStartDate);
    // By the plan, not by the row: a pause may still be on its way.
    if (wasPaused(plan, feed)) await request(ground, feed, ['resume']);
  }
  for (const connection of cast.connections) await heal(ground, connection, true);
}

function wasPaused(plan: WorldPlan, feed: CastFeed): boolean {
  return plan.steps.some(
    ({ step }) => step.kind === 'request' && step.feed === feed.index && step.actions.includes('pause'),
  );
}

/** I8: whoever may send, knows of it, and is not behind somebody who waits for a person, sends soon. */
async function judgeProgress(ground: WorldGround, cast: Cast): Promise<string[]> {
  const before = await Promise.all(cast.feeds.map((feed) => look(ground, feed)));
  const parkedLanes = new Set(
    before.filter(({ row }) => isParked(row.reason)).map(({ row }) => row.connectionId),
  );
  const due = before.filter(
    ({ feed, row, counts }) =>
      maySend(row.facts) && !feed.signalLost && counts.ready > 0 && !parkedLanes.has(row.connectionId),
  );
  await ground.sleep(progressWithinMs);
  const found: string[] = [];
  for (const { feed, counts } of due) {
    const after = await look(ground, feed);
    if (!maySend(after.row.facts) || isParked(after.row.reason)) continue;
    const progress = after.counts.ready < counts.ready || after.counts.delivered > counts.delivered;
    if (!progress)
      found.push(`I8: nothing went out within ${String(progressWithinMs)} ms: ${describeSeen(after)}`);
  }
  return found;
}

/** I8 and I9: all come to rest by themselves; those parked for a person come on when asked to try again. */
async function judgeRest(ground: WorldGround, plan: WorldPlan, cast: Cast): Promise<string[]> {
  await ground.sleep(healedWithinMs);
  const found: string[] = [];
  for (const seen of await lookAtAll(ground, cast)) {
    if (!isAtRest(seen) && !seen.feed.signalLost) found.push(`I8: not at rest: ${describeSeen(seen)}`);
  }
  if (cast.feeds.some((feed) => feed.signalLost)) await findLost(ground, plan);
  const parked = (await lookAtAll(ground, cast)).filter(({ row }) => isParked(row.reason));
  for (const { feed } of parked) await request(ground, feed, ['sync']);
  if (parked.length > 0) await ground.sleep(triedAgainWithinMs);
  for (const seen of await lookAtAll(ground, cast)) {
    if (!isAtRest(seen) || isParked(seen.row.reason))
      found.push(`I8: not at rest at last: ${describeSeen(seen)}`);
    found.push(...(await judgeState(ground, seen)));
    if (seen.row.state !== 'closed') found.push(...(await judgeRuns(ground, seen.feed, 'RUNNING')));
  }
  return found;
}

async function findLost(ground: WorldGround, plan: WorldPlan): Promise<void> {
  if (plan.lostSignalsFoundBy === 'daily_look') return await ground.sleep(foundWithinMs);
  await ground.sweep();
  await ground.sleep(progressWithinMs);
}

function lookAtAll(ground: WorldGround, cast: Cast): Promise<SeenFeed[]> {
  return Promise.all(cast.feeds.map((feed) => look(ground, feed)));
}

/** Nothing is terminated: this server would never skip time again after an activity outlived its workflow. */
async function closeAll(ground: WorldGround, cast: Cast): Promise<string[]> {
  for (const feed of cast.feeds) await request(ground, feed, ['close']);
  await ground.sleep(progressWithinMs);
  for (const { connectionId } of cast.connections) await ground.facade.nudgeConnection({ connectionId });
  await ground.sleep(progressWithinMs);
  const open = await stillOpen(ground, cast);
  if (open.length === 0) return [];
  await ground.sleep(endedWithinMs);
  return (await stillOpen(ground, cast)).map((id) => `I9: ${id} goes on although all is closed`);
}

async function stillOpen(ground: WorldGround, cast: Cast): Promise<string[]> {
  const ids = [
    ...cast.feeds.map((feed: CastFeed) => bankFeedWorkflowId(feed.feedId)),
    ...cast.connections.map(({ connectionId }) => connectionWorkflowId(connectionId)),
  ];
  const statuses = await Promise.all(
    ids.map(async (id) => ({
      id,
      status: (await ground.client.workflow.getHandle(id).describe()).status.name,
    })),
  );
  return statuses.filter(({ status }) => status !== 'COMPLETED').map(({ id, status }) => `${id} (${status})`);
}
