import { providerUnavailableReason, unexpectedReason } from '../feed.js';
import { shareOf } from '../schedule.js';

/** Why an account of the `sage-banking` channel is not being read. The next success clears it; the runbook has an entry for each. */

/** Sage does not accept the organisation's signing key, or says that the account is not this company's. */
export const sageCompanyRefusedReason = 'sage_company_refused';
/** Sage says that it has no such account. */
export const sageAccountUnknownReason = 'sage_account_unknown';
/** Sage refuses the question itself. */
export const sageReadRefusedReason = 'read_rejected';
/** Sage answers with something that is not what it was said to answer, again and again. */
export const sageNotUnderstoodReason = 'sage_answer_not_understood';

export const sageAccountReasons = [
  providerUnavailableReason,
  unexpectedReason,
  sageCompanyRefusedReason,
  sageAccountUnknownReason,
  sageReadRefusedReason,
  sageNotUnderstoodReason,
] as const;
export type SageAccountReason = (typeof sageAccountReasons)[number];

/** Reasons that wait for a person. */
export const lastingSageReasons: readonly SageAccountReason[] = [
  sageCompanyRefusedReason,
  sageAccountUnknownReason,
  sageReadRefusedReason,
  sageNotUnderstoodReason,
];

/** Reasons that pass by themselves. */
export const transientSageReasons: readonly SageAccountReason[] = [
  providerUnavailableReason,
  unexpectedReason,
];

/** Whether the reason in an account's row waits for a person. */
export function isBlockedAtSage(reason: string | null): boolean {
  return lastingSageReasons.some((known) => known === reason);
}

/** Pages of 100 that one check reads; what is left comes with the next (contract 7.1). */
export const sagePagesPerCheckMax = 50;

/**
 * A disconnection waits this long for a check that reads everything. Then it comes all the same: the customer has asked
 * us to stop, and an account that cannot be read must not keep us from it.
 */
export const sageUnreadCancelAfterMs = 15 * 60_000;

/** Looks that await somebody at a direct bank are no further apart: the form that is shown is good for an hour. */
export const sageFormRenewedAfterMs = 20 * 60_000;

/** A check that is overdue for longer than this is late: it raises an alert. */
export const sageCheckLateMs = 60 * 60_000;

/** After the tries of one check are spent: the next one begins. */
export const sageCheckAgainMs = 60_000;

/**
 * How long until the next check an account: an active one is checked after `maxMs`; one that waits for its bank or
 * its customer after an eighth of the wait so far, quickly at first, since somebody may be at it.
 */
export function sageCheckDelayMs(input: {
  isWaiting: boolean;
  waitedMs: number;
  minMs: number;
  maxMs: number;
}): number {
  if (!input.isWaiting) return input.maxMs;
  return Math.min(input.maxMs, Math.max(input.minMs, Math.round(input.waitedMs / 8)));
}

/** Of the longest wait between two checks up to so much is taken, by the account. */
const spreadShare = 0.15;

/**
 * The longest wait between two checks this account. Derived from its id, so that a great many that were begun
 * together, or missed their checks together, do not look together for ever.
 */
export function sageCheckMaxMs(input: { sageAccountId: string; maxMs: number }): number {
  return Math.round(input.maxMs * (1 - spreadShare * shareOf(input.sageAccountId)));
}
