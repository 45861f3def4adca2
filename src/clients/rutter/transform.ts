import { sha256Hex } from '../../crypto/hash.js';
import { deliveryLimits } from '../../domain/rutter/delivery-limits.js';
import { jsonNumberDigitsMax, significantDigits } from '../../domain/money.js';
import { moneyInMemo, moneyOutMemo, zeroAmountMemo } from './assumptions.js';

/** The fields of a posting that are sent to Rutter. */
export interface PostingContent {
  /** Ours; never changes and is used once per account for ever (contract 8.4, rule 7). */
  readonly transactionId: string;
  /** When it happened: ISO 8601 with offset, or an instant. */
  readonly postedAt: string | Date;
  /** The instant that is sent as its `posted_at`, in UTC with milliseconds: Sage reads its booking day from it. */
  readonly sendAt: string | Date;
  /** Exact decimal, money out negative, in the account's currency. */
  readonly amount: string;
  readonly description: string;
  /** One of the eight types of contract 8.2. */
  readonly transactionType: string;
  readonly payee?: string | null | undefined;
}

/** A posting as Rutter's API takes it: only the fields that Sage supports (contract 8.2). */
export interface RutterPosting {
  transaction_id: string;
  posted_at: string;
  amount: number;
  description: string;
  transaction_type: string;
  debit_credit_memo: 'DEBIT' | 'CREDIT';
  payee?: string;
}

/** The amount cannot be written as a JSON number that reads back as the same decimal. */
export class InexactAmount extends Error {
  readonly kind = 'inexact_amount';
  override readonly name = 'InexactAmount';
  constructor(readonly transactionId: string) {
    super('an amount is no decimal that a JSON number carries exactly');
  }
}

const decimalPattern = /^-?\d{1,30}(\.\d{1,30})?$/;

/**
 * The forms of serialization. The bytes of a batch that is not complete are built again from its rows and compared with
 * their stored hash, so each batch keeps the form that it was built with: a change is a new version beside the old ones.
 *
 * - 1: `posted_at` is the posting's own instant (to 0.2.0)
 * - 2: `posted_at` is its send time
 */
export const bodyVersions = [1, 2] as const;
export type BodyVersion = (typeof bodyVersions)[number];
/** Of new batches. */
export const newBodyVersion: BodyVersion = 2;

/**
 * A stored version as one that this code knows.
 *
 * @throws RangeError for the version of a later release: nothing may be sent or compared in another form
 */
export function bodyVersionOf(stored: number): BodyVersion {
  const version = bodyVersions.find((known) => known === stored);
  if (version === undefined)
    throw new RangeError(`a batch has bytes of the unknown version ${String(stored)}`);
  return version;
}

/** What a version sends as `posted_at`. */
function sentInstant(posting: PostingContent, version: BodyVersion): string | Date {
  switch (version) {
    case 1:
      return posting.postedAt;
    case 2:
      return posting.sendAt;
    default:
      return version satisfies never;
  }
}

/**
 * One posting as Rutter takes it. Money becomes a number only here, because the contract demands one.
 *
 * @throws InexactAmount for more than 15 significant digits: up to there a decimal survives the trip through a double
 * @throws RangeError for an invalid instant
 */
export function toRutterPosting(
  posting: PostingContent,
  version: BodyVersion = newBodyVersion,
): RutterPosting {
  const amount = toJsonNumber(posting);
  const converted: RutterPosting = {
    transaction_id: posting.transactionId,
    posted_at: new Date(sentInstant(posting, version)).toISOString(),
    amount,
    description: posting.description,
    transaction_type: posting.transactionType,
    debit_credit_memo: memoOf(amount),
  };
  if (posting.payee !== null && posting.payee !== undefined) converted.payee = posting.payee;
  return converted;
}

/** A batch ready to be sent, and sent again: the same postings always give the same bytes. */
export interface SerializedBatch {
  /** The JSON body; its UTF-8 bytes are what is sent. */
  readonly body: string;
  /** SHA-256 of those bytes, in hex: stored with the batch, so that a repeat can be proven to be the same. */
  readonly sha256: string;
  readonly version: BodyVersion;
}

/**
 * The body of POST transactions (contract 8.2) for 1 to 1,000 postings of one account, in the order given.
 * `prefer_sync` asks for the result itself when it is ready within 30 s (8.3).
 *
 * @throws RangeError for no or too many postings, or postings that are not chronological (8.4, rules 5 and 6)
 * @throws InexactAmount
 */
export function serializeBatch(input: {
  rutterAccountId: string;
  postings: readonly PostingContent[];
  /** Of a batch that exists; new ones have the newest. */
  version?: BodyVersion;
}): SerializedBatch {
  const { postings, version = newBodyVersion } = input;
  if (postings.length < 1 || postings.length > deliveryLimits.batchPostingsMax) {
    throw new RangeError(
      `a batch has 1 to ${String(deliveryLimits.batchPostingsMax)} postings, not ${String(postings.length)}`,
    );
  }
  const transactions = postings.map((posting) => toRutterPosting(posting, version));
  // All instants are UTC with milliseconds now, so their texts sort as they do.
  const ordered = transactions.every(
    (each, index) => each.posted_at >= (transactions[index - 1]?.posted_at ?? ''),
  );
  if (!ordered) throw new RangeError('the postings of a batch must be in order of posted_at');
  const body = JSON.stringify({
    response_mode: 'prefer_sync',
    bank_feed_transactions: { bank_feed_account_id: input.rutterAccountId, transactions },
  });
  return { body, sha256: sha256Hex(body), version };
}

function toJsonNumber(posting: PostingContent): number {
  const { amount } = posting;
  const exact = decimalPattern.test(amount) && significantDigits(amount) <= jsonNumberDigitsMax;
  if (!exact) throw new InexactAmount(posting.transactionId);
  // Adding zero turns the negative zero of "-0" into zero; JSON writes both as 0, comparisons then agree as well.
  return Number(amount) + 0;
}

function memoOf(amount: number): 'DEBIT' | 'CREDIT' {
  if (amount === 0) return zeroAmountMemo;
  return amount < 0 ? moneyOutMemo : moneyInMemo;
}
