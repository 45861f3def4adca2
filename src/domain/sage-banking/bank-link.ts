/** Bank consent: the customer's approval that leads to an account at Sage or renews its authorization (contract 5, 6.4). */

/** Why a link ended without success. The runbook has an entry for each. */
export const sageLinkReasons = [
  /** The bank says that the customer did not finish, or refused (contract 5.2). */
  'bank_refused',
  /** The customer did not complete the bank's pages in time. */
  'out_of_time',
  /** The consent session was lost too often: each lost answer uses up its single-use poll route. */
  'route_lost',
  /** Sage answered with an address that is not on an allowed origin. */
  'foreign_address',
  /** The bank is of another kind than this call is for. */
  'wrong_bank_kind',
  'unknown_bank',
  /** Sage has no such account of the consent, or not any more (contract 6.6). */
  'unknown_candidate',
  /** The bank granted consent, but Sage does not report an account. */
  'no_account_reported',
  /** Sage has the account already, for another company (contract 6.2). */
  'account_taken',
  /** The account does not wait for a new authorisation. */
  'not_auth_required',
  /** Sage refused; the message is the provider message. */
  'link_rejected',
  /** Sage does not accept the company's credentials. */
  'sage_company_refused',
  /** Sage did not answer in time. */
  'provider_unavailable',
] as const;
export type SageLinkReason = (typeof sageLinkReasons)[number];

/** Consent sessions that are begun for one link, the first included. */
export const sageLinkAttemptsMax = 5;

/** How long one request about a consent session is retried; longer than a session lives is pointless. */
export const sageConsentTriesMs = 20 * 60_000;

/** How long the creation of an account that the bank has granted is retried: an outage must not cost the customer's work. */
export const sageLinkCreateTriesMs = 24 * 60 * 60_000;

/**
 * How long an account that was granted waits for the cancellation of its predecessor; longer than a disconnection
 * waits for its last check (`sageUnreadCancelAfterMs`).
 */
export const sageLinkWaitsForEndMs = 20 * 60_000;

/** How long until the next check whether the earlier account has ended: an eighth of the wait so far. */
export function sageLinkEndPauseMs(waitedMs: number): number {
  return Math.min(60_000, Math.max(3_000, Math.round(waitedMs / 8)));
}

/** Assumed: the type of an account whose bank lists none (contract 6.2). */
export const sageAccountTypeFallback = 'DEBIT';
