/**
 * What this client relies on although Sage does not document it, in one file
 * (docs/contracts/sage-banking.md marks each as assumed), and the documented figures beside it.
 */

import { dayMs } from '../../domain/limits.js';

/** Documented: organisations of one customer and product, by the host's environment (contract 3.2). */
const organisationLimits: readonly (readonly [host: RegExp, limit: number | null])[] = [
  [/^qa(eu)?\.sagebankdrive\.com$/, null],
  [/^pp(eu)?\.sagebankdrive\.com$/, 15],
  [/^(www|eu)\.sagebankdrive\.com$/, 1],
];

/** The most organisations that a customer may have behind this origin; null: no limit, or not known. */
export function organisationLimitOf(origin: string): number | null {
  const { hostname } = new URL(origin);
  return organisationLimits.find(([host]) => host.test(hostname))?.[1] ?? null;
}

/** A signature's key is the signing key followed by this (documented, contract 2.1). */
export const signingKeySuffix = '&null';

/**
 * Documented by the published example: how long a token lives; a shorter lifetime in its own claims counts (contract
 * 2.2).
 */
export const tokenLifetimeMs = 20 * 60_000;

/** A new token is fetched this long before the end of the old one. */
export const tokenRenewedBeforeMs = 2 * 60_000;

/** Documented: what is sent when a link's answer has no `accountKey` (contract 5.2). */
export const accountKeyFallback = '1';

/** Assumed: the error codes of the refusals of an organisation (contract 3.2). */
export const organisationErrorCodes = {
  captchaInvalid: 'captchaInvalid',
  invalidRequest: 'invalidRequest',
} as const;

/** Assumed: the error code of a 404 that Sage itself answers, and no gateway before it (contract 13). */
export const notFoundErrorCode = 'notFound';

/** Assumed: a bank consent session lasts 20 minutes, as on the provider's side (contract 5.1). */
export const linkLifetimeMs = 20 * 60_000;

/**
 * Assumed: Sage refuses a start date that lies in the future by UTC (contract 6.2). A day that has begun only east of UTC is
 * therefore sent as the day in UTC: one day too much is harmless, one too little is not. `day` is midnight UTC of the day.
 */
export function startDateForSage(day: string, nowMs: number): string {
  const todayMs = Math.floor(nowMs / dayMs) * dayMs;
  return new Date(Math.min(Date.parse(day), todayMs)).toISOString();
}

/** Assumed: the accounts that a customer has granted are complete this long after they were first asked for (contract 6.6). */
export const candidatesRefreshMs = 11_000;

/** Assumed: transactions a reprocess run takes (contract 10). */
export const reprocessTransactionsMax = 1_000;

/** Assumed: of a poll period that Sage names, and of the wait after a 429, no more and no less than this counts. */
export const pollPeriodBoundsMs = { least: 500, most: 60_000 } as const;
