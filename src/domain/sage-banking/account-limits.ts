import { providerUnavailableReason, unexpectedReason } from '../feed.js';
import { shareOf } from '../schedule.js';

/** Why an account of the `sage-banking` channel is not being read. The next success clears it; the runbook has an entry for each. */

/** Sage does not accept the organisation's signing key, or says that the account is not this company's. */
export const sageCompanyRefusedReason = 'sage_company_refused';
/** Sage says that it has no such account. */
export const sageAccountUnknownReason = 'sage_account_unknown';
/** Sage refuses the request itself. */
export const sageReadRefusedReason = 'read_rejected';
/** Sage repeatedly answers in a form that the contract does not describe. */
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
 * A disconnection waits this long for a check that reads everything. Then it is sent anyway: the customer has asked us to
 * stop, and an account that cannot be read must not prevent that.
 */
export const sageUnreadCancelAfterMs = 15 * 60_000;

/** Checks of an account at a direct bank that waits for the customer are no further apart: the form shown is valid for an hour. */
export const sageFormRenewedAfterMs = 20 * 60_000;

/** A check that is overdue for longer than this is late: it raises an alert. */
export const sageCheckLateMs = 60 * 60_000;

/** After all retries of one check have failed, the next check begins after this. */
export const sageCheckAgainMs = 60_000;

/**
 * How long until the next check of an account: an active one is checked after `maxMs`; one that waits for its bank or
 * its customer after an eighth of the wait so far, frequently at first, since the customer may be active now.
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

/** The longest wait between two checks is shortened by up to this share, depending on the account. */
const spreadShare = 0.15;

/**
 * The longest wait between two checks of this account. Derived from its id, so that many accounts that began
 * together, or missed their checks together, are not checked at the same time forever.
 */
export function sageCheckMaxMs(input: { sageAccountId: string; maxMs: number }): number {
  return Math.round(input.maxMs * (1 - spreadShare * shareOf(input.sageAccountId)));
}
