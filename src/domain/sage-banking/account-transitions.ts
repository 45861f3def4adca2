import type { SageAccountReason } from './account-limits.js';
import type { SageAccountStatus } from './states.js';

/** How the rows of accounts at Sage change. Pure: see `transitions.ts`, which has the same for onboardings. */

/** What the decisions need of an account's row. */
export interface AccountSnapshot {
  readonly status: SageAccountStatus;
  readonly reason: string | null;
  readonly cancelRequestedAt: string | null;
}

/** A timeline entry of an account. */
export interface AccountEvent {
  readonly kind: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/**
 * The account has another status at Sage: the timeline entry of it. Null: the status is the same, or the account is
 * cancelled, which is final.
 */
export function statusChanged(before: AccountSnapshot, status: SageAccountStatus): AccountEvent | null {
  if (before.status === status || before.status === 'cancelled') return null;
  return {
    kind: 'sage_account_status',
    detail: { from: before.status, to: status, asked: before.cancelRequestedAt !== null },
  };
}

/** Sage is asked for an account's authorisation only while it is awaited; earlier answers are cleared then. */
export function awaitsAuthorization(status: SageAccountStatus): boolean {
  return status === 'pending' || status === 'authRequired';
}

/**
 * Why the account was not read. Null: it is cancelled, and no longer read. `event` null: the reason is the
 * same, keeps its time, and is not reported again.
 */
export function accountFailing(
  before: AccountSnapshot,
  reason: SageAccountReason,
): { readonly event: AccountEvent | null } | null {
  if (before.status === 'cancelled') return null;
  return { event: before.reason === reason ? null : { kind: 'sage_account_failing', detail: { reason } } };
}

/** Whether a request to end the account is new: a repeat changes nothing, and cancelled is final. */
export function mayRequestCancellation(before: AccountSnapshot): boolean {
  return before.status !== 'cancelled' && before.cancelRequestedAt === null;
}
