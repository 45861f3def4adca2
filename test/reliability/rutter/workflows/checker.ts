import type { WorkflowHandle } from '@temporalio/client';
import type { FaultSpec } from '../../../../sandbox/rutter/faults.js';
import {
  countByDeliveryStatus,
  type DeliveryStatusCounts,
} from '../../../../src/db/rutter/delivery-status.js';
import { readFeed, type FeedRow } from '../../../../src/db/rutter/feeds.js';
import { feedState } from '../../../../src/domain/feed.js';
import { isBlocked } from '../../../../src/domain/rutter/feed.js';
import { feedStatus } from '../../../../src/workflows/rutter/bank-feed/messages.js';
import { checkRun } from '../checker.js';
import { foldedTexts } from '../faults.js';
import type { SentBatch } from '../traffic.js';
import type { Actors, SimulatedFeed } from './actors.js';
import type { WorkflowFixture } from './fixture.js';
import type { RunMonitor } from './monitor.js';
import type { WorkflowPlan } from './plan.js';

/** The most events of a workflow run in these simulations: it renews after a few passes. */
const eventsMax = 600;
const runsMax = 2_000;

/** The most POSTs of one bisected batch. */
const postsPerRefusal = 25;
/** Batches that were built before a change was read and sent afterwards. */
const postsInFlight = 2;

const refusalKinds: ReadonlySet<string> = new Set(['status', 'platform_bad_request', 'poison']);
const retriedStatuses: ReadonlySet<number> = new Set([429, 452]);

export interface FeedSnapshot {
  readonly feed: SimulatedFeed;
  readonly row: FeedRow;
  readonly counts: DeliveryStatusCounts;
}

export async function readSnapshot(fixture: WorkflowFixture, feed: SimulatedFeed): Promise<FeedSnapshot> {
  const row = await readFeed(fixture.pool, feed);
  if (row === null) throw new Error('the feed is gone');
  return { feed, row, counts: await countByDeliveryStatus(fixture.pool, feed) };
}

/** Describes the state of a feed for the text of a violation. */
export function describeFeed({ feed, row, counts }: FeedSnapshot): string {
  const nonZero = Object.entries(counts).filter(([, count]) => count > 0);
  const postings = nonZero.map(([status, count]) => `${String(count)} ${status}`).join(', ');
  return `feed ${String(feed.index)} is ${row.state}${row.reason === null ? '' : ` (${row.reason})`}: ${postings}`;
}

/** Idle: nothing is in progress; what is not delivered must not be delivered, or the feed is blocked with a reason. */
export function isIdle({ row, counts }: FeedSnapshot): boolean {
  if (row.state === 'closed') return true;
  if (isBlocked(row.reason)) return true;
  return row.state === 'live' && counts.ready === 0 && counts.batched === 0;
}

/** I9, I10, I14 by the histories of a feed's workflow, from the newest run back to the first. */
export async function checkRuns(
  fixture: WorkflowFixture,
  feed: SimulatedFeed,
  expected: 'RUNNING' | 'COMPLETED',
): Promise<string[]> {
  const found: string[] = [];
  const newest = await fixture.client.workflow.getHandle(feed.workflowId).describe();
  const report = (text: string) => found.push(`feed ${String(feed.index)}: ${text}`);
  if (newest.status.name !== expected) report(`I9: its workflow is ${newest.status.name}, not ${expected}`);
  let runId: string | undefined = newest.runId;
  for (let runs = 0; runId !== undefined; runs += 1) {
    if (runs > runsMax) throw new Error('the chain of runs does not end');
    const all = await eventsOf(fixture, { workflowId: feed.workflowId, runId });
    if (all.length > eventsMax) report(`I14: a run has ${String(all.length)} events`);
    const last = all.at(-1);
    if (runs > 0 && last?.workflowExecutionContinuedAsNewEventAttributes == null)
      report('I9: a run before the newest did not end by continue-as-new');
    const before: string | null | undefined =
      all[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    runId = before == null || before === '' ? undefined : before;
  }
  return found;
}

async function eventsOf({ client }: WorkflowFixture, run: { workflowId: string; runId: string }) {
  const history = await client.workflow.getHandle(run.workflowId, run.runId).fetchHistory();
  return history.events ?? [];
}

/** The state of the row follows from its facts, and the workflow reports the state of the row. */
export async function checkState(fixture: WorkflowFixture, snapshot: FeedSnapshot): Promise<string[]> {
  const { feed, row } = snapshot;
  const found: string[] = [];
  const derived = feedState(row.facts);
  const report = (text: string) => found.push(`feed ${String(feed.index)}: ${text}`);
  if (row.state !== derived) report(`its row is ${row.state}, its facts mean ${derived}`);
  if (row.state === 'closed') return found;
  const handle: WorkflowHandle = fixture.client.workflow.getHandle(feed.workflowId);
  const status = await handle.query(feedStatus);
  if (status.state !== row.state) report(`its row is ${row.state}, its workflow reports ${status.state}`);
  if (status.working) report('its workflow waits for a delivery run that has ended');
  return found;
}

/** Whether a fault refuses postings: one that it hits alone may be quarantined. */
function isRefusal({ kind, http_status: status }: FaultSpec): boolean {
  if (kind !== 'job_failure') return refusalKinds.has(kind);
  return status !== undefined && status < 500 && !retriedStatuses.has(status);
}

/** Poisoned ids, and any that were sent alone while a fault refused batches. */
function refusableIds(specs: readonly FaultSpec[], batches: readonly SentBatch[]): string[] {
  const alone = batches.filter((sent) => sent.transactionIds.length === 1);
  return [
    ...specs.flatMap((spec) => spec.transaction_ids ?? []),
    ...alone.flatMap((sent) => sent.transactionIds),
  ];
}

/** Runs the checker of `rutter` with what the faults of the plan allow. */
export async function checkRecords(
  fixture: WorkflowFixture,
  { plan, actors, monitor }: { plan: WorkflowPlan; actors: Actors; monitor: RunMonitor },
): Promise<string[]> {
  const { pool, control } = fixture;
  const { batches, failures } = monitor.traffic;
  const specs = plan.steps.flatMap(({ step }) => (step.kind === 'fault' ? [step.spec] : []));
  const refuses = specs.some(isRefusal);
  const refusedPosts = refuses ? postsPerRefusal * specs.length : 0;
  const changes = plan.steps.filter(
    ({ step }) => step.kind === 'select' || step.kind === 'disconnect',
  ).length;
  return await checkRun({
    pool,
    control,
    bank: actors.bank,
    feeds: actors.feeds,
    batches,
    allowances: {
      resent: false,
      falseAnswers: false,
      foldedTexts: foldedTexts(specs),
      accepted: new Set<string>(),
      // Postings released from quarantine come after the cursor too: they are sent again, marked late.
      omissions: refuses || specs.some((spec) => spec.kind === 'omit_from_answer'),
      poisoned: new Set(refuses ? refusableIds(specs, batches) : []),
      postsAfterUnseenChange: monitor.unseen.posts() + changes * postsInFlight,
      extraPosts: failures + monitor.attempts + refusedPosts,
      buildsMax: plan.steps.length * actors.feeds.length,
    },
  });
}
