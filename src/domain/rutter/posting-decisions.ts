import type { DeliveryStatus, HoldReason } from './delivery-status.js';
import type { ClosedBy, FeedFacts } from '../feed.js';
import { isBlocked, type BlockReason } from './feed.js';

/**
 * What an operator decides about a posting of a feed: hold it back, release it, discard it. Pure: `src/db/rutter` reads
 * the rows under the feed's lock, asks here, and writes the change with the timeline entry.
 */

export type PostingAction = 'hold' | 'release' | 'discard';

/** What the decisions need of a posting. */
export interface DecidablePosting {
  readonly deliveryStatus: DeliveryStatus;
  /** Of a posting that is held; else null. */
  readonly holdReason: HoldReason | null;
  readonly exception: string | null;
  /** How it was released before; null fields keep core banking's values. */
  readonly release: PostingRelease | null;
}

export interface PostingRelease {
  readonly amount: string | null;
  readonly description: string | null;
  readonly payee: string | null;
  readonly transactionType: string | null;
  readonly reason: string;
}

/**
 * Whether a posting that is ready may be decided on if the timeline names it: Rutter refused so many alike that the feed
 * was blocked and they were made ready again. The cause may still be the postings, and then a decision on them unblocks
 * the feed.
 */
export function mayHaveBlocked(feed: { readonly reason: string | null }, posting: DecidablePosting): boolean {
  return feed.reason === ('rejected_by_provider' satisfies BlockReason) && posting.deliveryStatus === 'ready';
}

/** Held by an operator's decision, or until one is made. Of a pending one core banking decides first. */
function awaitsOperator({ deliveryStatus, holdReason }: DecidablePosting): boolean {
  return deliveryStatus === 'held' && (holdReason === 'operator' || holdReason === 'possible_duplicate');
}

/** What the decisions need of a feed. */
export interface DecidableFeed {
  readonly facts: FeedFacts;
  readonly closedBy: ClosedBy | null;
  /** The last booking day of its account that is sent; null while the account is open. */
  readonly closedOn: string | null;
  /** Its connection is to be unlinked, or is. */
  readonly isUnlinking: boolean;
}

export type FeedObstacle = 'feed_closed' | 'connection_unlinking';

/**
 * Why nothing can be decided on postings of a feed; null when it can. On a closed feed a decision has no effect, but for
 * one that closed with its account: that opens again for what is released while its account is active in Sage. Nothing is
 * released on a feed that sends nothing any more.
 */
export function feedObstacle(feed: DecidableFeed, action: PostingAction): FeedObstacle | null {
  const isClosed = feed.facts.operator === 'closed';
  if (isClosed && feed.closedBy !== 'account') return 'feed_closed';
  if (action !== 'release') return null;
  if (feed.isUnlinking) return 'connection_unlinking';
  return isClosed && feed.closedOn !== null && feed.facts.account !== 'active' ? 'feed_closed' : null;
}

/** What must happen in a feed before it sends a posting that is ready. */
export const sendObstacles = [
  'feed_resumed',
  'connection_authorized',
  'account_chosen_in_sage',
  'account_connected_in_sage',
  'feed_unblocked',
] as const;
export type SendObstacle = (typeof sendObstacles)[number];

/** What keeps a feed from sending what is ready; null when it goes out with the next batch. */
export function sendObstacle(feed: {
  readonly facts: FeedFacts;
  readonly reason: string | null;
}): SendObstacle | null {
  const { operator, connection, account, published } = feed.facts;
  if (operator === 'paused') return 'feed_resumed';
  if (connection === 'refused') return 'connection_authorized';
  if (account === 'inactive') return 'account_connected_in_sage';
  if (account === 'waiting' || !published) return 'account_chosen_in_sage';
  return isBlocked(feed.reason) ? 'feed_unblocked' : null;
}

export type HoldDecision = 'repeated' | 'hold' | 'wrong_delivery_status';

/** A posting is held back as long as no batch has it. A pending one stays held when it is posted. */
export function holdDecision(posting: DecidablePosting): HoldDecision {
  if (awaitsOperator(posting)) return 'repeated';
  const { deliveryStatus: status } = posting;
  return status === 'ready' || status === 'before_start' || status === 'held'
    ? 'hold'
    : 'wrong_delivery_status';
}

/** `from_hold`: its hold ends; `from_ledger`: its ledger row is removed. Either makes it ready again. */
export type ReleaseDecision = 'repeated' | 'from_hold' | 'from_ledger' | 'as_ready' | 'wrong_delivery_status';

/** `hasBlocked`: it is ready, and named by the timeline as a cause of the block. */
export function releaseDecision(
  posting: DecidablePosting,
  input: { release: PostingRelease; hasBlocked: boolean },
): ReleaseDecision {
  if (isReleasedAs(posting, input.release)) return 'repeated';
  if (awaitsOperator(posting)) return 'from_hold';
  if (input.hasBlocked) return 'as_ready';
  return posting.exception === 'quarantined' ? 'from_ledger' : 'wrong_delivery_status';
}

/** It was released with the same content for the same reason, and is being sent or was sent. */
function isReleasedAs({ release, deliveryStatus }: DecidablePosting, asked: PostingRelease): boolean {
  return (
    release !== null &&
    (deliveryStatus === 'ready' ||
      deliveryStatus === 'batched' ||
      deliveryStatus === 'delivered' ||
      deliveryStatus === 'before_start') &&
    release.amount === asked.amount &&
    release.description === asked.description &&
    release.payee === asked.payee &&
    release.transactionType === asked.transactionType &&
    release.reason === asked.reason
  );
}

/** `keep_back`: it is in no batch and never gets into one; `in_ledger`: its row is changed, unless it is in an open batch. */
export type DiscardDecision = 'repeated' | 'keep_back' | 'in_ledger' | 'wrong_delivery_status';

export function discardDecision(posting: DecidablePosting, input: { hasBlocked: boolean }): DiscardDecision {
  if (posting.deliveryStatus === 'discarded') return 'repeated';
  if (input.hasBlocked || awaitsOperator(posting)) return 'keep_back';
  return posting.deliveryStatus === 'quarantined' ? 'in_ledger' : 'wrong_delivery_status';
}

/** What may be asked for a posting now; the API answers anything else with 409 and this list. */
export function allowedPostingActions(posting: DecidablePosting): PostingAction[] {
  if (awaitsOperator(posting)) return ['release', 'discard'];
  if (posting.exception === 'conflict') return ['discard'];
  if (posting.deliveryStatus === 'quarantined') return ['release', 'discard'];
  return holdDecision(posting) === 'hold' ? ['hold'] : [];
}
