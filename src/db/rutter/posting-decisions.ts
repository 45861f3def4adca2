import {
  correctedFields,
  noCorrection,
  type PostingCorrection,
} from '../../domain/rutter/posting-correction.js';
import {
  discardDecision,
  feedObstacle,
  holdDecision,
  mayHaveBlocked,
  releaseDecision,
  sendObstacle,
  type DiscardDecision,
  type FeedObstacle,
  type HoldDecision,
  type PostingAction,
  type ReleaseDecision,
  type SendObstacle,
} from '../../domain/rutter/posting-decisions.js';
import { readPostingsWithStatus, type PostingWithStatus } from './delivery-status.js';
import { lockFeed, type FeedRow } from './feeds.js';
import { discardInLedger, endHold, keepBack, releaseAll, takeFromLedger } from './posting-changes.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { timelineIdsMax, writeTimeline } from '../timeline.js';

/**
 * What an operator decides about postings of a feed: hold them back, release what is held or quarantined, corrected or
 * unchanged, or discard it. Each call is one transaction under the feed's lock, so that no batch is built between the
 * check and the change. The feed is signalled afterwards; the next build finds a released posting in any case.
 */

/** Postings that one call decides on: its transaction holds the feed's lock for well under a second. */
export const decidedPostingsMax = 1_000;

export interface DecisionInput {
  readonly feedId: string;
  readonly action: PostingAction;
  /** Why, as the operator wrote it; stored in the timeline. */
  readonly reason: string;
}

/** `repeated`: the same was done before, and nothing was changed. */
export type DecisionOutcome = 'changed' | 'repeated' | 'wrong_delivery_status';

export interface DecidedPosting {
  readonly outcome: DecisionOutcome;
  /** As it is after the decision. */
  readonly posting: PostingWithStatus;
}

export type DecisionResult =
  | {
      readonly kind: 'decided';
      readonly decided: readonly DecidedPosting[];
      /** Ids that the account does not have. */
      readonly unknown: readonly string[];
      /** What must happen before the feed sends a released posting; null: nothing. */
      readonly waitsFor: SendObstacle | null;
    }
  | { readonly kind: 'unknown_feed' | FeedObstacle };

export type QuarantineResult =
  /** `repeated`: the same was done before, and nothing was changed. */
  | {
      readonly kind: 'done';
      readonly posting: PostingWithStatus;
      readonly repeated: boolean;
      /** What must happen before it is sent, when it is ready; null: nothing. */
      readonly waitsFor: SendObstacle | null;
    }
  | { readonly kind: 'unknown_feed' | 'unknown_posting' | FeedObstacle }
  /** Its delivery status does not allow it. */
  | { readonly kind: 'wrong_delivery_status'; readonly posting: PostingWithStatus };

/** Decides on one posting. `correction` is of a release. */
export async function decidePosting(
  pool: Pool,
  input: DecisionInput & { readonly transactionId: string; readonly correction?: PostingCorrection },
): Promise<QuarantineResult> {
  const result = await decidePostings(pool, { ...input, transactionIds: [input.transactionId], as: 'one' });
  if (result.kind !== 'decided') return result;
  const [decided] = result.decided;
  if (decided === undefined) return { kind: 'unknown_posting' };
  const { outcome, posting } = decided;
  if (outcome === 'wrong_delivery_status') return { kind: outcome, posting };
  const waitsFor = posting.deliveryStatus === 'ready' ? result.waitsFor : null;
  return { kind: 'done', posting, repeated: outcome === 'repeated', waitsFor };
}

/** Decides on postings by their ids, each given once. `correction` is of a release, and for all of them. */
export async function decidePostings(
  pool: Pool,
  input: DecisionInput & {
    readonly transactionIds: readonly string[];
    readonly correction?: PostingCorrection;
    /** How the timeline records it: one posting by itself, or a list. */
    readonly as: 'one' | 'list';
  },
): Promise<DecisionResult> {
  if (input.transactionIds.length > decidedPostingsMax) throw new RangeError('too many postings');
  return await transaction(pool, async (db): Promise<DecisionResult> => {
    const feed = await lockFeed(db, input);
    if (feed === null) return { kind: 'unknown_feed' };
    const obstacle = feedObstacle(feed, input.action);
    if (obstacle !== null) return { kind: obstacle };
    const before = await readPostingsWithStatus(db, input);
    const { changed, repeated } = await apply(db, { ...input, feed, before });
    if (changed.size > 0) await report(db, { ...input, feed, before, changed });
    const after = changed.size === 0 ? before : await readPostingsWithStatus(db, input);
    const decided = after.map((posting): DecidedPosting => {
      const id = posting.transactionId;
      if (changed.has(id)) return { outcome: 'changed', posting };
      return { outcome: repeated.has(id) ? 'repeated' : 'wrong_delivery_status', posting };
    });
    const known = new Set(before.map(({ transactionId }) => transactionId));
    const unknown = input.transactionIds.filter((id) => !known.has(id));
    return { kind: 'decided', decided, unknown, waitsFor: sendObstacle(feed) };
  });
}

type Decision = HoldDecision | ReleaseDecision | DiscardDecision;

interface Application extends DecisionInput {
  readonly feed: FeedRow;
  readonly before: readonly PostingWithStatus[];
  readonly correction?: PostingCorrection;
}

/** Answers the ids that were changed and those for which there was nothing to do. */
async function apply(
  db: Queryable,
  input: Application,
): Promise<{ changed: ReadonlySet<string>; repeated: ReadonlySet<string> }> {
  const named = await postingsThatBlocked(db, input);
  const byDecision = new Map<Decision, string[]>();
  for (const posting of input.before) {
    const decision = decide(input, posting, named.has(posting.transactionId));
    byDecision.set(decision, [...(byDecision.get(decision) ?? []), posting.transactionId]);
  }
  const changed: string[] = [];
  for (const [decision, ids] of byDecision) changed.push(...(await carryOut(db, input, { decision, ids })));
  return { changed: new Set(changed), repeated: new Set(byDecision.get('repeated')) };
}

function decide(input: Application, posting: PostingWithStatus, isNamed: boolean): Decision {
  const hasBlocked = isNamed && mayHaveBlocked(input.feed, posting);
  switch (input.action) {
    case 'hold':
      return holdDecision(posting);
    case 'release': {
      const release = { ...(input.correction ?? noCorrection), reason: input.reason };
      return releaseDecision(posting, { release, hasBlocked });
    }
    case 'discard':
      return discardDecision(posting, { hasBlocked });
    default:
      return input.action satisfies never;
  }
}

/** The postings that the latest timeline entry names as what blocks the feed. */
async function postingsThatBlocked(db: Queryable, { feed, before }: Application): Promise<Set<string>> {
  if (!before.some((posting) => mayHaveBlocked(feed, posting))) return new Set();
  const { rows } = await db.query<{ ids: string[] | null }>(
    `SELECT detail -> 'transaction_ids' AS ids FROM timeline
      WHERE feed_id = $1 AND kind = 'feed_blocked' ORDER BY entry_id DESC LIMIT 1`,
    [feed.feedId],
  );
  return new Set(rows[0]?.ids ?? []);
}

/** Answers the ids of those that could be changed. */
async function carryOut(
  db: Queryable,
  input: Application,
  { decision, ids }: { decision: Decision; ids: string[] },
): Promise<readonly string[]> {
  switch (decision) {
    case 'repeated':
    case 'wrong_delivery_status':
      return [];
    case 'hold':
      return await keepBack(db, input, { ids, state: 'held' });
    case 'keep_back':
      return await keepBack(db, input, { ids, state: 'discarded' });
    case 'in_ledger':
      return await discardInLedger(db, input, ids);
    case 'from_hold':
      return await releaseAll(db, input, await endHold(db, input, ids));
    case 'from_ledger':
      return await releaseAll(db, input, await takeFromLedger(db, input, ids));
    case 'as_ready':
      return await releaseAll(db, input, ids);
    default:
      return decision satisfies never;
  }
}

const pastTense = { hold: 'held', release: 'released', discard: 'discarded' } as const;

async function report(
  db: Queryable,
  input: Application & { as: 'one' | 'list'; changed: ReadonlySet<string> },
): Promise<void> {
  const { feed, action, reason } = input;
  const changed = input.before.filter(({ transactionId }) => input.changed.has(transactionId));
  const [first] = changed;
  const ids = changed.map(({ transactionId }) => transactionId);
  const isOne = input.as === 'one' && first !== undefined;
  await writeTimeline(db, {
    kind: `${isOne ? 'posting' : 'postings'}_${pastTense[action]}`,
    customerId: feed.customerId,
    connectionId: feed.connectionId,
    feedId: feed.feedId,
    detail: {
      ...(isOne
        ? { transaction_id: first.transactionId }
        : { count: ids.length, transaction_ids: ids.slice(0, timelineIdsMax) }),
      ...(isOne && action === 'discard' ? { was: first.exception ?? first.holdReason } : {}),
      ...(action === 'release' ? { corrected: correctedFields(input.correction ?? noCorrection) } : {}),
      reason,
    },
  });
}
