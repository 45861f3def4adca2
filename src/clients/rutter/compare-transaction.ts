import { isLeftOut } from './assumptions.js';
import type { RutterTransaction } from './schemas.js';
import type { RutterPosting } from './transform.js';

/** What is compared, by the names and in the order of a request. */
export const comparedFields = [
  'bank_feed_account_id',
  'transaction_id',
  'posted_at',
  'amount',
  'debit_credit_memo',
  'description',
  'transaction_type',
  'payee',
] as const;

/** How a transaction in one of Rutter's answers differs from what was sent; names of fields of the request. */
export interface Difference {
  /** What makes it another transaction: account, id, amount and sign, day. */
  readonly conflicting: readonly string[];
  /** Text, type or time of the day, which do not. */
  readonly altered: readonly string[];
}

/**
 * Compares what was sent with what an answer shows (contract 8.3). Texts are the same when they differ in blanks, line
 * ends or Unicode form only, instants when they differ in digits after the second. A null that
 * `isLeftOut` allows is no difference.
 */
export function differenceOf(
  sent: RutterPosting,
  answer: RutterTransaction,
  rutterAccountId: string,
): Difference {
  return {
    conflicting: conflictingFields(sent, answer, rutterAccountId),
    altered: alteredFields(sent, answer),
  };
}

function conflictingFields(
  sent: RutterPosting,
  answer: RutterTransaction,
  rutterAccountId: string,
): string[] {
  const { bankFeedAccountId, transactionId, amount, postedAt, debitCreditMemo } = answer;
  const fields: [string, boolean][] = [
    ['bank_feed_account_id', isLeftOut(bankFeedAccountId) || bankFeedAccountId === rutterAccountId],
    ['transaction_id', transactionId === sent.transaction_id],
    ['amount', amount === sent.amount],
    // The memo of zero says nothing.
    [
      'debit_credit_memo',
      sent.amount === 0 || isLeftOut(debitCreditMemo) || debitCreditMemo === sent.debit_credit_memo,
    ],
    ['posted_at', postedAt !== null && dayOf(postedAt) === dayOf(sent.posted_at)],
  ];
  return fields.filter(([, same]) => !same).map(([name]) => name);
}

function alteredFields(sent: RutterPosting, answer: RutterTransaction): string[] {
  const { description, payee, transactionType, postedAt } = answer;
  const fields: [string, boolean][] = [
    ['description', normalizedText(description ?? '') === normalizedText(sent.description)],
    ['payee', isLeftOut(payee) || normalizedText(payee) === normalizedText(sent.payee ?? '')],
    ['transaction_type', isLeftOut(transactionType) || transactionType === sent.transaction_type],
    ['posted_at', postedAt !== null && secondOf(postedAt) === secondOf(sent.posted_at)],
  ];
  return fields.filter(([, same]) => !same).map(([name]) => name);
}

/** Of instants in UTC as `toISOString` writes them. */
function dayOf(instant: string): string {
  return instant.slice(0, instant.indexOf('T'));
}

function secondOf(instant: string): string {
  return instant.slice(0, instant.indexOf('.'));
}

/**
 * A text without what providers change on the way: Unicode's compatible forms are one (NFKC, which also makes each of its
 * blanks a space), a run of blanks and line ends is one space, and there is none at the ends.
 */
export function normalizedText(text: string): string {
  return text.normalize('NFKC').replace(/\s+/gu, ' ').trim();
}

/** An id without what a provider may fold: two ids with the same fold may be one to it. */
export function foldedId(id: string): string {
  return normalizedText(id).toLowerCase();
}
