import { setTimeout as sleep } from 'node:timers/promises';
import { isBlocked, maySend } from '../../../../src/domain/rutter/feed.js';
import { bankFeedWorkflowId, connectionWorkflowId } from '../../../../src/domain/ids.js';
import type { RunReport } from '../../seeded-run.js';
import { createActors, type Actors, type SimulatedFeed } from './actors.js';
import type { WorkflowFixture } from './fixture.js';
import type { WorkflowPlan } from './plan.js';
import {
  checkRecords,
  checkRuns,
  checkState,
  describeFeed,
  isIdle,
  readSnapshot,
  type FeedSnapshot,
} from './checker.js';
import { createRunMonitor, type RunMonitor } from './monitor.js';
import { recover, requestOfFeed, selectAccount, shareAgain, takeStep } from './steps.js';

/** I8: a feed that may send and has something to send has sent within this time after the last fault. */
const progressWithinMs = 90_000;
/** The longest wait without a lost signal: a connection that is refused repeatedly is polled every 15 minutes. */
const recoveredWithinMs = 40 * 60_000;
/** A feed whose signal was lost is found by its own check, at the latest one day after the last one. */
const foundWithinMs = 26 * 3_600_000;
/** After an operator has requested a sync of a blocked feed. */
const triedAgainWithinMs = 20 * 60_000;
/** The workflow of a connection whose feeds are all closed ends at its next check. */
const endedWithinMs = 26 * 3_600_000;
/** Real time. */
const deliveryRunAwaitedMs = 100;
/** While our own credentials are rejected, every feed probes every 30 s, so a long outage is slow to simulate. */
const outageWaitMaxMs = 10 * 60_000;
/** The start date of accounts that the customer selects only at the end. */
const lastStartDate = '2026-03-01T00:00:00.000Z';

/** Runs a plan to its end and checks the result. Leaves no workflow behind. */
export async function runWorkflowPlan(fixture: WorkflowFixture, plan: WorkflowPlan): Promise<RunReport> {
  await fixture.control('DELETE', '/violations');
  const actors = await createActors(fixture, plan);
  await fixture.control('POST', '/knobs', {
    jobRunMs: plan.jobRunMs,
    postLatencyMs: plan.postLatencyMs,
  });
  const monitor = createRunMonitor(plan, actors);
  fixture.monitor(monitor);
  const violations: string[] = [];
  await startFeeds(fixture, plan, actors);
  await takeSteps(fixture, { plan, actors, monitor });
  monitor.stopFailures();
  await endFaults(fixture, plan, actors);
  violations.push(...(await checkProgress(fixture, actors)));
  violations.push(...(await checkIdle(fixture, plan, actors)));
  violations.push(...(await checkRecords(fixture, { plan, actors, monitor })), ...monitor.violations);
  const snapshots = await readAllFeeds(fixture, actors);
  violations.push(...(await closeAll(fixture, actors)));
  fixture.monitor(null);
  const booked = snapshots.reduce((sum, { counts }) => sum + counts.delivered, 0);
  return {
    violations: violations,
    exercised: {
      attempts: monitor.attempts,
      failures: monitor.injected,
      booked,
      feeds: actors.feeds.length,
      posts: monitor.traffic.batches.length,
      answersDuringFailure: monitor.traffic.failures,
    },
  };
}

async function takeSteps(
  fixture: WorkflowFixture,
  { plan, actors, monitor }: { plan: WorkflowPlan; actors: Actors; monitor: RunMonitor },
): Promise<void> {
  let outage = false;
  for (const { step, duringDeliveryRun, thenWaitMs } of plan.steps) {
    if (duringDeliveryRun) await waitForDeliveryRun(monitor);
    await takeStep(fixture, actors, step);
    const changed =
      step.kind === 'select' || step.kind === 'disconnect' ? actors.feeds[step.feed] : undefined;
    if (changed !== undefined) monitor.unseen.changed(changed);
    if (step.kind === 'organisation') outage = step.revoked;
    const waitMs = outage ? Math.min(thenWaitMs, outageWaitMaxMs) : thenWaitMs;
    if (waitMs > 0) await fixture.sleep(waitMs);
  }
}

/** Waits a moment, in real time, for a delivery run. If none starts, the step happens between delivery runs. */
async function waitForDeliveryRun(monitor: RunMonitor): Promise<void> {
  const beganMs = performance.now();
  while (monitor.feedsWithDeliveryRun().length === 0 && performance.now() - beganMs < deliveryRunAwaitedMs)
    await sleep(5);
}

async function startFeeds(fixture: WorkflowFixture, plan: WorkflowPlan, actors: Actors): Promise<void> {
  for (const feed of actors.feeds) {
    const { startDate = null, before = [] } = plan.feeds[feed.index] ?? {};
    for (const call of before) await actors.bank.send(feed, call);
    if (startDate !== null) await selectAccount(fixture, feed, startDate);
  }
  for (const { connectionId } of actors.connections) await fixture.facade.wakeConnection({ connectionId });
}

/** Ends all faults, and does what needs a person: select accounts, resume feeds, authorize connections. */
async function endFaults(fixture: WorkflowFixture, plan: WorkflowPlan, actors: Actors): Promise<void> {
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
    const snapshot = await readSnapshot(fixture, feed);
    if (snapshot.row.state === 'closed' && plan.feeds[feed.index]?.sharedAgainAtLast)
      await shareAgain(fixture, feed);
    if (snapshot.row.facts.account !== 'active') await selectAccount(fixture, feed, lastStartDate);
    const account = (await fixture.control('GET', `/accounts/${feed.rutterAccountId}`)) as {
      feed_status: string;
    };
    if (account.feed_status !== 'active') await selectAccount(fixture, feed, lastStartDate);
    // The plan decides, not the row: a pause may not have been applied yet.
    if (wasPaused(plan, feed)) await requestOfFeed(fixture, feed, ['resume']);
  }
  for (const connection of actors.connections) await recover(fixture, connection, true);
}

function wasPaused(plan: WorkflowPlan, feed: SimulatedFeed): boolean {
  return plan.steps.some(
    ({ step }) => step.kind === 'request' && step.feed === feed.index && step.actions.includes('pause'),
  );
}

/** I8: a feed that may send, has received its signal and has no blocked feed on its connection sends soon. */
async function checkProgress(fixture: WorkflowFixture, actors: Actors): Promise<string[]> {
  const before = await Promise.all(actors.feeds.map((feed) => readSnapshot(fixture, feed)));
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
    const after = await readSnapshot(fixture, feed);
    if (!maySend(after.row.facts) || isBlocked(after.row.reason)) continue;
    const progress = after.counts.ready < counts.ready || after.counts.delivered > counts.delivered;
    if (!progress)
      found.push(`I8: nothing was sent within ${String(progressWithinMs)} ms: ${describeFeed(after)}`);
  }
  return found;
}

/** I8 and I9: all feeds become idle by themselves; blocked ones continue when an operator requests a sync. */
async function checkIdle(fixture: WorkflowFixture, plan: WorkflowPlan, actors: Actors): Promise<string[]> {
  await fixture.sleep(recoveredWithinMs);
  const found: string[] = [];
  for (const snapshot of await readAllFeeds(fixture, actors)) {
    if (!isIdle(snapshot) && !snapshot.feed.signalLost) found.push(`I8: not idle: ${describeFeed(snapshot)}`);
  }
  if (actors.feeds.some((feed) => feed.signalLost)) await findLost(fixture, plan);
  const blocked = (await readAllFeeds(fixture, actors)).filter(({ row }) => isBlocked(row.reason));
  for (const { feed } of blocked) await requestOfFeed(fixture, feed, ['sync']);
  if (blocked.length > 0) await fixture.sleep(triedAgainWithinMs);
  for (const snapshot of await readAllFeeds(fixture, actors)) {
    if (!isIdle(snapshot) || isBlocked(snapshot.row.reason))
      found.push(`I8: not idle at the end: ${describeFeed(snapshot)}`);
    found.push(...(await checkState(fixture, snapshot)));
    if (snapshot.row.state !== 'closed') found.push(...(await checkRuns(fixture, snapshot.feed, 'RUNNING')));
  }
  return found;
}

async function findLost(fixture: WorkflowFixture, plan: WorkflowPlan): Promise<void> {
  if (plan.lostSignalsFoundBy === 'daily_check') return await fixture.sleep(foundWithinMs);
  await fixture.repair();
  await fixture.sleep(progressWithinMs);
}

function readAllFeeds(fixture: WorkflowFixture, actors: Actors): Promise<FeedSnapshot[]> {
  return Promise.all(actors.feeds.map((feed) => readSnapshot(fixture, feed)));
}

/** Ends all workflows regularly. The test server skips no time after an activity that outlived a terminated workflow. */
async function closeAll(fixture: WorkflowFixture, actors: Actors): Promise<string[]> {
  for (const feed of actors.feeds) await requestOfFeed(fixture, feed, ['close']);
  await fixture.sleep(progressWithinMs);
  for (const { connectionId } of actors.connections) await fixture.facade.wakeConnection({ connectionId });
  await fixture.sleep(progressWithinMs);
  const open = await stillOpen(fixture, actors);
  if (open.length === 0) return [];
  await fixture.sleep(endedWithinMs);
  return (await stillOpen(fixture, actors)).map((id) => `I9: ${id} continues although everything is closed`);
}

async function stillOpen(fixture: WorkflowFixture, actors: Actors): Promise<string[]> {
  const ids = [
    ...actors.feeds.map((feed: SimulatedFeed) => bankFeedWorkflowId(feed.feedId)),
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
