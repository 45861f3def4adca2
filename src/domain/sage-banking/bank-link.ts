/** The way through a bank's pages to an account at Sage, or to the renewal of its authorisation (contract 5, 6.4). */

/** Why a link ended without success. The runbook has an entry for each. */
export const sageLinkReasons = [
  /** The bank says that the customer did not finish, or refused (contract 5.2). */
  'bank_refused',
  /** Nobody came to the end of the bank's pages in time. */
  'out_of_time',
  /** The way was lost too often: each lost answer costs the one route that may be asked. */
  'route_lost',
  /** Sage named an address that is not one we go to. */
  'foreign_address',
  /** A bank of the other kind than the call is for. */
  'wrong_bank_kind',
  'unknown_bank',
  /** The bank said yes, but of which account Sage does not tell. */
  'no_account_reported',
  /** Sage knows the account already, and not as one of this company (contract 6.2). */
  'account_taken',
  /** The account does not wait for a new authorisation. */
  'not_auth_required',
  /** Sage said no; the message has its words. */
  'link_rejected',
  /** Sage does not accept the company's credentials. */
  'sage_company_refused',
  /** Sage did not answer in time. */
  'provider_unavailable',
] as const;
export type SageLinkReason = (typeof sageLinkReasons)[number];

/** Ways through the bank's pages begun for one link, the first included. */
export const sageLinkAttemptsMax = 5;

/** So long one question about a way through a bank's pages is tried again; longer than a way lives is no use. */
export const sageConsentTriesMs = 20 * 60_000;

/** So long Sage is asked to create an account that its bank has granted: an outage must not cost the customer's work. */
export const sageLinkCreateTriesMs = 24 * 60 * 60_000;

/**
 * So long an account that was granted waits for the end of the one that it is to follow; longer than a disconnection
 * waits for its last check (`sageUnreadCancelAfterMs`).
 */
export const sageLinkWaitsForEndMs = 20 * 60_000;

/** How long until it is looked again whether the earlier account has ended: an eighth of the wait so far. */
export function sageLinkEndPauseMs(waitedMs: number): number {
  return Math.min(60_000, Math.max(3_000, Math.round(waitedMs / 8)));
}

/** Assumed: the type of an account whose bank lists none (contract 6.2). */
export const sageAccountTypeFallback = 'DEBIT';
