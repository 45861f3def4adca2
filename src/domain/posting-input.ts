import { describeInstantProblem, parseInstant } from './instant.js';
import { limits } from './limits.js';
import { jsonNumberDigitsMax, minorUnitOf, parseAmount, type AmountProblem } from './money.js';
import { describeTextProblem, idProblem, textProblem } from './text.js';

/**
 * One transaction as core banking sends it, validated field by field and brought into one canonical form. Written by
 * hand, not as a schema: a stream may have a million of them. The OpenAPI document describes the same rules.
 */

/** Rutter's types of a bank feed transaction (its version 2024-08-31). */
export const transactionTypes = [
  'credit',
  'debit',
  'fee',
  'deposit',
  'transfer',
  'payment',
  'interest',
  'unknown',
] as const;
export type TransactionType = (typeof transactionTypes)[number];

export const postingStatuses = ['posted', 'pending', 'void'] as const;
export type PostingStatus = (typeof postingStatuses)[number];

/** A posting in canonical form: two of them are the same content exactly when all fields are equal. */
export interface Posting {
  readonly transactionId: string;
  /** UTC with milliseconds. */
  readonly postedAt: string;
  /** Exact decimal without superfluous zeros, money out negative; see `parseAmount`. */
  readonly amount: string;
  readonly description: string;
  readonly payee: string | null;
  readonly transactionType: TransactionType;
  readonly status: PostingStatus;
  /** The transaction that this one corrects; linked and shown, never interpreted. */
  readonly corrects: string | null;
}

/** Why an item is not a valid posting. */
export interface PostingProblem {
  /** Its id if it has a valid one. */
  readonly transactionId: string | null;
  /** JSON pointer inside the item: `/amount`, or empty for the item itself. */
  readonly pointer: string;
  /** A sentence for display that begins with the field's name. */
  readonly reason: string;
}

export type PostingResult = { readonly posting: Posting } | { readonly problem: PostingProblem };

const knownFields: ReadonlySet<string> = new Set([
  'transaction_id',
  'posted_at',
  'amount',
  'description',
  'payee',
  'transaction_type',
  'status',
  'corrects',
]);
const knownTypes: ReadonlySet<unknown> = new Set(transactionTypes);
const knownStatuses: ReadonlySet<unknown> = new Set(postingStatuses);
/** An unknown name is quoted in the answer up to this length. */
const quotedNameLengthMax = 64;

/**
 * Validates one item. Unknown fields are refused by name: a misspelled `payee` must not be lost silently. `null` for an
 * optional field means that it is absent. `currency` is the account's, `nowMs` the time of the call.
 */
export function parsePosting(input: { value: unknown; currency: string; nowMs: number }): PostingResult {
  const { value } = input;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return problem(null, '', 'a transaction must be a JSON object');
  }
  const item = value as Readonly<Record<string, unknown>>;
  const id = item['transaction_id'];
  const badId = idProblem(id, limits.idLengthMax);
  if (badId !== null) {
    return fieldProblem(null, 'transaction_id', describeTextProblem(badId, limits.idLengthMax));
  }
  const transactionId = id as string;
  for (const name of Object.keys(item)) {
    if (!knownFields.has(name)) return unknownField(transactionId, name);
  }
  return parseFields(item, transactionId, input);
}

function parseFields(
  item: Readonly<Record<string, unknown>>,
  transactionId: string,
  input: { currency: string; nowMs: number },
): PostingResult {
  const postedAt = parseInstant({
    value: item['posted_at'],
    nowMs: input.nowMs,
    futureMaxMs: limits.postedAtFutureMaxMs,
  });
  if ('problem' in postedAt) {
    const message = describeInstantProblem(postedAt.problem, limits.postedAtFutureMaxMs);
    return fieldProblem(transactionId, 'posted_at', message);
  }
  const amount = parseAmount(item['amount'], input.currency);
  if ('problem' in amount) {
    return fieldProblem(transactionId, 'amount', describeAmountProblem(amount.problem, input.currency));
  }
  const { description, transaction_type: transactionType } = item;
  const payee = item['payee'] ?? null;
  const status = item['status'] ?? 'posted';
  const corrects = item['corrects'] ?? null;
  const badDescription = textProblem(description, limits.textLengthMax);
  if (badDescription !== null) {
    return fieldProblem(
      transactionId,
      'description',
      describeTextProblem(badDescription, limits.textLengthMax),
    );
  }
  if (!knownTypes.has(transactionType)) {
    return fieldProblem(transactionId, 'transaction_type', `must be one of ${transactionTypes.join(', ')}`);
  }
  const badPayee = payee === null ? null : textProblem(payee, limits.textLengthMax);
  if (badPayee !== null) {
    return fieldProblem(transactionId, 'payee', describeTextProblem(badPayee, limits.textLengthMax));
  }
  if (!knownStatuses.has(status)) {
    return fieldProblem(transactionId, 'status', `must be one of ${postingStatuses.join(', ')}`);
  }
  const badCorrects = corrects === null ? null : correctsProblem(corrects, transactionId);
  if (badCorrects !== null) return fieldProblem(transactionId, 'corrects', badCorrects);
  return {
    posting: {
      transactionId,
      postedAt: postedAt.instant,
      amount: amount.amount,
      description: description as string,
      payee: payee as string | null,
      transactionType: transactionType as TransactionType,
      status: status as PostingStatus,
      corrects: corrects as string | null,
    },
  };
}

/**
 * The content of a posting as one text, identical for the same content in any notation ("1.50" and 1.5,
 * +01:00 and Z). Its hash distinguishes a repeat from a conflict. A list, so that two contents never have the same text.
 */
export function canonicalContent(posting: Posting): string {
  return JSON.stringify([
    posting.transactionId,
    posting.postedAt,
    posting.amount,
    posting.description,
    posting.payee,
    posting.transactionType,
    posting.status,
    posting.corrects,
  ]);
}

function correctsProblem(corrects: unknown, transactionId: string): string | null {
  const bad = idProblem(corrects, limits.idLengthMax);
  if (bad !== null) return describeTextProblem(bad, limits.idLengthMax);
  return corrects === transactionId ? 'must name another transaction' : null;
}

function describeAmountProblem(kind: AmountProblem, currency: string): string {
  switch (kind) {
    case 'not_a_decimal':
      return 'must be a decimal, as a string such as "-12.50" or as a JSON number';
    case 'too_many_decimals':
      return `has more than the ${minorUnitOf(currency)} decimals of ${currency}`;
    case 'too_many_digits':
      return `has more than ${jsonNumberDigitsMax} significant digits`;
    default:
      return kind satisfies never;
  }
}

function unknownField(transactionId: string, name: string): PostingResult {
  const quoted = JSON.stringify(firstCharacters(name));
  return problem(transactionId, `/${pointerToken(name)}`, `${quoted} is not a field of a transaction`);
}

/** Whole code points: truncating between two surrogates would break the answer's text. */
function firstCharacters(name: string): string {
  return Array.from(name.slice(0, 2 * quotedNameLengthMax))
    .slice(0, quotedNameLengthMax)
    .join('');
}

function pointerToken(name: string): string {
  // Characters that PostgreSQL and JSON text cannot hold would make the stored answer of the whole call invalid.
  const storable = firstCharacters(name).replace(/[\p{Cc}\p{Cs}]/gu, '\uFFFD');
  return storable.replaceAll('~', '~0').replaceAll('/', '~1');
}

function fieldProblem(transactionId: string | null, name: string, message: string): PostingResult {
  return problem(transactionId, `/${name}`, `${name} ${message}`);
}

function problem(transactionId: string | null, pointer: string, reason: string): PostingResult {
  return { problem: { transactionId, pointer, reason } };
}
