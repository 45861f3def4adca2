import { peerUnavailableReason, unexpectedReason } from './feed.js';

/** Why an account of the second road is not being read. The next success clears it; the runbook has an entry for each. */

/** Sage does not accept the organisation's signing key, or says that the account is not this company's. */
export const sageCompanyRefusedReason = 'sage_company_refused';
/** Sage says that it has no such account. */
export const sageAccountUnknownReason = 'sage_account_unknown';
/** Sage refuses the question itself. */
export const sageReadRefusedReason = 'refused_by_sage';

export const sageAccountReasons = [
  peerUnavailableReason,
  unexpectedReason,
  sageCompanyRefusedReason,
  sageAccountUnknownReason,
  sageReadRefusedReason,
] as const;
export type SageAccountReason = (typeof sageAccountReasons)[number];

/** Reasons that a person must look into; the others pass by themselves. */
export const lastingSageReasons: readonly SageAccountReason[] = [
  sageCompanyRefusedReason,
  sageAccountUnknownReason,
  sageReadRefusedReason,
];

/** Pages of 100 that one look reads; what is left comes with the next (contract 7.1). */
export const sagePagesPerLookMax = 50;

/** After the tries of one look are spent: the next one begins. */
export const sageLookAgainMs = 60_000;

/**
 * How long until the next look at an account: an active one is looked at after `maxMs`; one that waits for its bank or
 * its customer after an eighth of the wait so far, quickly at first, since somebody may be at it.
 */
export function sageLookDelayMs(input: {
  isWaiting: boolean;
  waitedMs: number;
  minMs: number;
  maxMs: number;
}): number {
  if (!input.isWaiting) return input.maxMs;
  return Math.min(input.maxMs, Math.max(input.minMs, Math.round(input.waitedMs / 8)));
}
