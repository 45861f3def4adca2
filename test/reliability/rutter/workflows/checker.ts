import type { WorkflowHandle } from '@temporalio/client';
import {
  countByDeliveryStatus,
  type DeliveryStatusCounts,
} from '../../../../src/db/rutter/delivery-status.js';
import { readFeed, type FeedRow } from '../../../../src/db/rutter/feeds.js';
import { feedState } from '../../../../src/domain/feed.js';
import { isBlocked } from '../../../../src/domain/rutter/feed.js';
import { feedStatus } from '../../../../src/workflows/rutter/bank-feed/messages.js';
import type { ActorsFeed } from './actors.js';
import type { SimulationFixture } from './fixture.js';

/** No run of a workflow in these simulations may have more events: it renews after a few passes, whatever comes. */
const eventsMax = 600;
const runsMax = 2_000;

export interface SeenFeed {
  readonly feed: ActorsFeed;
  readonly row: FeedRow;
  readonly counts: DeliveryStatusCounts;
}

export async function look(fixture: SimulationFixture, feed: ActorsFeed): Promise<SeenFeed> {
  const row = await readFeed(fixture.pool, feed);
  if (row === null) throw new Error('the feed is gone');
  return { feed, row, counts: await countByDeliveryStatus(fixture.pool, feed) };
}

/** How a feed stands, for the words of a violation. */
export function describeSeen({ feed, row, counts }: SeenFeed): string {
  const standing = Object.entries(counts).filter(([, count]) => count > 0);
  const places = standing.map(([place, count]) => `${String(count)} ${place}`).join(', ');
  return `feed ${String(feed.index)} is ${row.state}${row.reason === null ? '' : ` (${row.reason})`}: ${places}`;
}

/** At rest: nothing is on its way, and what is not delivered is not to be delivered, or waits for a person by name. */
export function isAtRest({ row, counts }: SeenFeed): boolean {
  if (row.state === 'closed') return true;
  if (isBlocked(row.reason)) return true;
  return row.state === 'live' && counts.ready === 0 && counts.batched === 0;
}

/** I9, I10, I14 by the histories of a feed's workflow, back from the newest run. */
export async function checkRuns(
  fixture: SimulationFixture,
  feed: ActorsFeed,
  expected: 'RUNNING' | 'COMPLETED',
): Promise<string[]> {
  const found: string[] = [];
  const newest = await fixture.client.workflow.getHandle(feed.workflowId).describe();
  const say = (text: string) => found.push(`feed ${String(feed.index)}: ${text}`);
  if (newest.status.name !== expected) say(`I9: its workflow is ${newest.status.name}, not ${expected}`);
  let runId: string | undefined = newest.runId;
  for (let runs = 0; runId !== undefined; runs += 1) {
    if (runs > runsMax) throw new Error('the chain of runs does not end');
    const all = await eventsOf(fixture, { workflowId: feed.workflowId, runId });
    if (all.length > eventsMax) say(`I14: a run has ${String(all.length)} events`);
    const last = all.at(-1);
    if (runs > 0 && last?.workflowExecutionContinuedAsNewEventAttributes == null)
      say('I9: a run before the newest ended otherwise than by renewal');
    const before: string | null | undefined =
      all[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    runId = before == null || before === '' ? undefined : before;
  }
  return found;
}

async function eventsOf({ client }: SimulationFixture, run: { workflowId: string; runId: string }) {
  const history = await client.workflow.getHandle(run.workflowId, run.runId).fetchHistory();
  return history.events ?? [];
}

/** The row says what its facts say, and the workflow says what the row says. */
export async function checkState(fixture: SimulationFixture, seen: SeenFeed): Promise<string[]> {
  const { feed, row } = seen;
  const found: string[] = [];
  const derived = feedState(row.facts);
  const say = (text: string) => found.push(`feed ${String(feed.index)}: ${text}`);
  if (row.state !== derived) say(`its row says ${row.state}, its facts say ${derived}`);
  if (row.state === 'closed') return found;
  const handle: WorkflowHandle = fixture.client.workflow.getHandle(feed.workflowId);
  const status = await handle.query(feedStatus);
  if (status.state !== row.state) say(`its row says ${row.state}, its workflow says ${status.state}`);
  if (status.working) say('its workflow waits for a delivery run that is over');
  return found;
}
