import type { DeliveryStatus, HoldReason } from './delivery-status.js';
import type { BlockReason } from './feed.js';

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
