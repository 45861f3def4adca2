import type { ClosedBy, FeedFacts } from '../feed.js';
import type { FeedTransition } from './transitions.js';

/**
 * When a feed closes without a request, and when it opens again: with its account, or with its connection. Pure;
 * `src/db/rutter/account-closing.ts` reads and applies.
 */

/** What the decisions on a closed account need of a feed. */
export interface FeedOfAccount {
  readonly facts: FeedFacts;
  readonly closedBy: ClosedBy | null;
  /** The last booking day of the account that is sent; null while it is open. */
  readonly closedOn: string | null;
  /** Its connection is to be unlinked, or is: nothing can be sent any more. */
  readonly isUnlinking: boolean;
}

/** Whether the account is closed on the day `today` of its zone. One that closes in the future is open until then. */
export function isAccountClosed(account: { readonly closedOn: string | null }, today: string): boolean {
  return account.closedOn !== null && account.closedOn <= today;
}

/**
 * Whether a feed closes with its account. One that Sage has never chosen closes at once; any other when nothing is in
 * flight and nothing is left to send. A paused one waits for the operator who paused it.
 */
export function closesWithAccount(
  feed: FeedOfAccount,
  input: { readonly today: string; readonly isAnythingLeft: boolean },
): boolean {
  if (feed.facts.operator !== 'running' || !isAccountClosed(feed, input.today)) return false;
  return feed.facts.account === 'waiting' || !input.isAnythingLeft;
}

/**
 * Whether a feed that closed with its account opens again: the account is open again, or a late posting of its last days
 * can be sent. A feed that a person closed stays closed, and so does one whose connection ends.
 */
export function opensWithAccount(
  feed: FeedOfAccount,
  input: { readonly today: string; readonly isAnythingLeft: boolean },
): boolean {
  if (feed.facts.operator !== 'closed' || feed.closedBy !== 'account' || feed.isUnlinking) return false;
  if (!isAccountClosed(feed, input.today)) return true;
  return feed.facts.account === 'active' && input.isAnythingLeft;
}

/** The feed ends without a request of its own: with its account, its connection, or the handoff that opened it. */
export function closeTransition(
  closedBy: ClosedBy,
  detail: Readonly<Record<string, unknown>> = {},
): FeedTransition {
  return {
    change: { operator: 'closed', closedBy, syncing: false, reason: null },
    event: { kind: 'feed_closed', detail: { by: closedBy, ...detail } },
  };
}

/** The feed opens again without being shared again: its account at Rutter is as it was. */
export function reopenTransition(): FeedTransition {
  return {
    change: { operator: 'running', syncing: false, reason: null },
    event: { kind: 'feed_opened_again', detail: { by: 'account' } },
  };
}
