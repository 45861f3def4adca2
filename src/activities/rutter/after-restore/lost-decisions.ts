import { bankFeedWorkflowId } from '../../../domain/ids.js';
import { feedStates, type FeedState } from '../../../domain/feed.js';
import { lostDecision, mustPause } from '../../../domain/rutter/lost-decision.js';
import { readFeedDecisions, type FeedDecision } from '../../../db/rutter/after-restore.js';
import { applyFeedRequest } from '../../../db/rutter/feed-facts.js';
import { raiseFinding } from '../../../db/restore-findings.js';
import type { ListedWorkflow, RestoreWorkflows } from '../../deps.js';
import type { RutterDeps } from '../deps.js';

const type = 'bankFeedWorkflow';
const prefix = bankFeedWorkflowId('');
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Compares what the feeds' workflows show with their rows, which came back from an earlier moment: each difference is a
 * decision that may be lost. A pause or close is answered by pausing the feed; all are reported. Returns how many.
 * A repeat finds the paused feeds in agreement, and reports the others again.
 */
export async function recoverDecisions(
  deps: RutterDeps,
  { restore, lostFrom }: { restore: RestoreWorkflows; lostFrom: string | null },
): Promise<number> {
  let found = 0;
  for await (const page of restore.listRunning({ type })) found += await comparePage(deps, { restore, page });
  if (lostFrom === null) return found;
  for await (const page of restore.listClosedSince({ type, since: lostFrom })) {
    found += await comparePage(deps, { restore, page });
  }
  return found;
}

async function comparePage(
  deps: RutterDeps,
  { restore, page }: { restore: RestoreWorkflows; page: readonly ListedWorkflow[] },
): Promise<number> {
  const shownOf = new Map(page.map((workflow) => [workflow.workflowId.slice(prefix.length), workflow]));
  const feedIds = [...shownOf.keys()].filter((id) => uuid.test(id));
  let found = 0;
  for (const feed of await readFeedDecisions(deps.pool, { feedIds })) {
    const listed = shownOf.get(feed.feedId);
    if (listed === undefined || differs(listed.feedState, feed) === null) continue;
    // The list lags behind: only what the workflow itself shows now counts.
    const now = (await restore.readRunning(listed)) ?? (listed.feedState === 'closed' ? listed : null);
    if (now === null) continue;
    if (await recordDecision(deps, { feed, shown: now.feedState })) found += 1;
  }
  return found;
}

function differs(shown: string | null, { operator }: FeedDecision) {
  const state: FeedState | null = feedStates.find((each) => each === shown) ?? null;
  return lostDecision({ shown: state, operator });
}

async function recordDecision(
  { pool }: RutterDeps,
  { feed, shown }: { feed: FeedDecision; shown: string | null },
): Promise<boolean> {
  const decision = differs(shown, feed);
  if (decision === null) return false;
  const { feedId, connectionId, customerId } = feed;
  if (mustPause(decision)) await applyFeedRequest(pool, { feedId, action: 'pause' });
  await raiseFinding(pool, {
    code: 'decision_possibly_lost',
    subject: feedId,
    feedId,
    connectionId,
    customerId,
    detail: { decision, temporal: shown, row: feed.state, paused: mustPause(decision) },
  });
  return true;
}
