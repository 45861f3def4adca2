/**
 * What we rely on although Rutter does not document it for Sage. Each assumption is stated here once and has to be
 * checked against the live service before customers' data depends on it.
 */

/** Assumption: a posting of zero is accepted, with either memo; we send it as a credit. */
export const zeroAmountMemo: 'DEBIT' | 'CREDIT' = 'CREDIT';

/** Assumption: amounts are signed from the account holder's side, on cards too: out is negative and a `DEBIT`. */
export const moneyOutMemo = 'DEBIT';
/** The other half of the assumption above: in is positive and a `CREDIT`. */
export const moneyInMemo = 'CREDIT';

/** Assumption: lists give at most 500 items a page, and a larger limit is clamped. */
export const listLimitMax = 500;

/** Assumption: an instant in an answer that carries no offset is UTC, as all documented examples are. */
export const defaultOffset = 'Z';

/**
 * Assumption: an unknown job is answered 410, as the error page says of unknown ids; an older text of the same page
 * uses 404 for it. Both mean that our credentials were read and accepted.
 */
export const notFoundStatuses: readonly number[] = [404, 410];

/** Assumption: wrong or revoked credentials are 401; a 403 without the code below is read the same way. */
export const unauthorizedStatuses: readonly number[] = [401, 403];
/** Assumption: the code that makes a 403 a refusal of the endpoint, not of the credentials. */
export const productNotAllowedCode = 'PRODUCT_NOT_ALLOWED';
/** The documented code of wrong credentials; that it comes with 401 is our assumption, so the code decides. */
export const invalidCredentialsCode = 'INVALID_CREDENTIALS';

/** Assumption: names of the codes that come with 429 and 452; the codes decide before the status does. */
export const rateLimitCode = 'RATE_LIMIT_EXCEEDED';
export const platformRateLimitCode = 'PLATFORM_RATE_LIMITED';

/** Assumption: how long all senders wait after a 429 without `Retry-After`; the window is 10 s. */
export const slowDownDefaultMs = 2_000;

/**
 * Assumption: null as account, memo, type or payee of an answered transaction means that Rutter left the field out. Id,
 * amount and time must always be present.
 */
export function isLeftOut(value: string | null): value is null {
  return value === null;
}

/**
 * Assumption: Rutter takes the further facts of an account for Sage, and ignores those that Sage does not show. Its
 * description marks them "not yet supported" beyond Intuit, its guide and public demo for Sage send some of them. A
 * refusal names the field that it does not take (contract 6.3).
 */
export const accountFactFields = [
  'available_balance',
  'current_balance',
  'routing_number',
  'line_of_business',
  'parent_bank_feed_account_id',
  'credit_limit',
  'available_credit',
  'last_statement_balance',
  'last_statement_date',
  'minimum_payment_amount',
  'next_payment_amount',
  'next_payment_date',
  'past_due_amount',
  'purchases_apr',
  'finance_charges',
] as const;

/** Assumption: a calendar date of an account is sent as its midnight in UTC, as in every example of Rutter. */
export function accountDate(date: string): string {
  return `${date}T00:00:00.000Z`;
}

/**
 * Assumption: Rutter takes several account creations of one connection at a time, unlike batches of transactions. No
 * source says either; each creation has its own idempotency key, and lists are read before. Were it wrong, Rutter would
 * refuse or limit some of them: then `RUTTER_PUBLISH_CONCURRENCY=1` creates one after another.
 */
export const accountCreationsInParallel: boolean = true;

/** Assumption: a request body may have this many bytes. A full batch of the longest texts has fewer (`body-sizes.ts`). */
export const requestBytesMax = 10_000_000;

/**
 * Assumption: Sage takes all that Rutter has when it pulls, in the order of delivery, and `platform_ingested` is then
 * true; it is false or null before. So a batch is taken when one after it is and the list shows nothing else, and a
 * provider that leaves the flag null says nothing, not that Sage has taken nothing.
 */
export const takenInOrder: boolean = true;

/**
 * Assumption: Sage books a posting on the date that its `posted_at` has in UTC. In the domain, since ingestion decides by
 * it which instant is sent.
 */
export { dayReadBySage } from '../../domain/booking-day.js';
