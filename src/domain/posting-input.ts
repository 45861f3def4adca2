import { limits } from './limits.js';
import { describeAmountProblem, parseAmount } from './money.js';
import { parsePostingDate, type PostingDate, type ReceivedDate } from './posting-date.js';
import { describeTextProblem, idProblem, textProblem } from './text.js';
import {
  signContradiction,
  transactionTypes,
  type AccountType,
  type SignCheck,
  type TransactionType,
} from './transaction-type.js';

/**
 * One transaction as core banking sends it, validated field by field and brought into one canonical form. Written by
 * hand, not as a schema: a stream may have a million of them. The OpenAPI document describes the same rules.
 */

export const postingStatuses = ['posted', 'pending', 'void'] as const;
export type PostingStatus = (typeof postingStatuses)[number];

/** A posting in canonical form. */
export interface Posting extends PostingDate {
  readonly transactionId: string;
  /** Exact decimal without superfluous zeros, money out negative; see `parseAmount`. */
  readonly amount: string;
  readonly description: string;
  readonly payee: string | null;
  readonly transactionType: TransactionType;
  readonly status: PostingStatus;
  /** The transaction that this one corrects; linked and shown, never interpreted. */
  readonly corrects: string | null;
}

/** A posting as it was received. */
export type ReceivedPosting = Posting & ReceivedDate;

/** One wrong field of an item. */
export interface PostingError {
  /** JSON pointer inside the item: `/amount`, or empty for the item itself. */
  readonly pointer: string;
  /** A sentence for display that begins with the field's name. */
  readonly reason: string;
}

/** Why an item is not a valid posting. */
export interface PostingProblem {
  /** Its id if it has a valid one. */
  readonly transactionId: string | null;
  /** One at least: every wrong field, in the order of {@link parsePosting}. */
  readonly errors: readonly PostingError[];
}

export type PostingResult =
  | {
      readonly posting: ReceivedPosting;
      /** The rule that sign and type break; see `signContradiction`. A withdrawal breaks none. */
      readonly contradiction: string | null;
    }
  | { readonly problem: PostingProblem };

/** Unknown fields of one item that are named; there may be any number of them. */
const namedUnknownFieldsMax = 20;

const knownFields: ReadonlySet<string> = new Set([
  'transaction_id',
  'posted_at',
  'booking_date',
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

/** What an item is validated against. */
export interface PostingInput {
  readonly value: unknown;
  /** ISO 4217, of the account. */
  readonly currency: string;
  readonly accountType: AccountType;
  readonly signCheck: SignCheck;
  /** IANA name, in which the day of an instant is read; null: as it is written. */
  readonly timeZone: string | null;
  /** The time of the call. */
  readonly nowMs: number;
}

/**
 * Validates one item and names everything that is wrong with it: its id, unknown fields (a misspelled `payee` must not
 * be lost silently), then field by field. `null` for an optional field means that it is absent.
 */
export function parsePosting(input: PostingInput): PostingResult {
  const { value } = input;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return {
      problem: {
        transactionId: null,
        errors: [{ pointer: '', reason: 'a transaction must be a JSON object' }],
      },
    };
  }
  const item = value as Readonly<Record<string, unknown>>;
  const errors: PostingError[] = [];
  const id = item['transaction_id'];
  const badId = idProblem(id, limits.idLengthMax);
  if (badId !== null) addError(errors, 'transaction_id', describeTextProblem(badId, limits.idLengthMax));
  addUnknownFields(errors, item);
  const transactionId = badId === null ? (id as string) : null;
  const posting = parseFields(item, transactionId ?? '', input, errors);
  const isChecked = posting !== null && posting.status !== 'void';
  const contradiction = isChecked ? contradictionOf(posting, input.accountType) : null;
  if (posting !== null && errors.length === 0) return { posting, contradiction };
  // With nothing else wrong the caller decides, since a repeat of what is stored is no new contradiction.
  if (contradiction !== null && input.signCheck === 'reject') {
    errors.push({ pointer: '/amount', reason: contradiction });
  }
  return { problem: { transactionId, errors } };
}

function contradictionOf(posting: Posting, accountType: AccountType): string | null {
  const { amount, transactionType } = posting;
  return signContradiction({ amount, transactionType, accountType });
}

/**
 * Null when a field is wrong; its error is added. Fields are named one by one, here and below: copying objects by spread
 * took a third of the time of a posting.
 */
function parseFields(
  item: Readonly<Record<string, unknown>>,
  transactionId: string,
  input: PostingInput,
  errors: PostingError[],
): ReceivedPosting | null {
  const { timeZone, nowMs } = input;
  const before = errors.length;
  const { posted_at: postedAt, booking_date: bookingDate } = item;
  const date = parsePostingDate({ postedAt, bookingDate, timeZone, nowMs });
  if ('problems' in date) for (const { field, message } of date.problems) addError(errors, field, message);
  const amount = parseAmount(item['amount'], input.currency);
  if ('problem' in amount) addError(errors, 'amount', describeAmountProblem(amount.problem, input.currency));
  const { description, transaction_type: transactionType } = item;
  const payee = item['payee'] ?? null;
  const status = item['status'] ?? 'posted';
  const corrects = item['corrects'] ?? null;
  addTextError(errors, 'description', description);
  if (!knownTypes.has(transactionType)) {
    addError(errors, 'transaction_type', `must be one of ${transactionTypes.join(', ')}`);
  }
  if (payee !== null) addTextError(errors, 'payee', payee);
  if (!knownStatuses.has(status)) addError(errors, 'status', `must be one of ${postingStatuses.join(', ')}`);
  const badCorrects = corrects === null ? null : correctsProblem(corrects, transactionId);
  if (badCorrects !== null) addError(errors, 'corrects', badCorrects);
  if (errors.length > before || 'problems' in date || 'problem' in amount) return null;
  return {
    transactionId,
    postedAt: date.postedAt,
    bookingDay: date.bookingDay,
    bookingDayGiven: date.bookingDayGiven,
    sendAt: date.sendAt,
    amount: amount.amount,
    description: description as string,
    payee: payee as string | null,
    transactionType: transactionType as TransactionType,
    status: status as PostingStatus,
    corrects: corrects as string | null,
  };
}

/**
 * The content of a posting as one text, identical for the same content in any notation ("1.50" and 1.5,
 * +01:00 and Z). Its hash distinguishes a repeat from a conflict (`isSameContent`). A list, so that two contents never
 * have the same text. A booking day is part of it only where it was given: so hashes of rows that were stored before
 * there were any stay valid, and a zone that changes later changes no content.
 */
export function canonicalContent(posting: ReceivedPosting): string {
  const content: (string | null)[] = [
    posting.transactionId,
    posting.postedAt,
    posting.amount,
    posting.description,
    posting.payee,
    posting.transactionType,
    posting.status,
    posting.corrects,
  ];
  if (posting.bookingDayGiven) content.push(posting.bookingDay);
  return JSON.stringify(content);
}

function correctsProblem(corrects: unknown, transactionId: string): string | null {
  const bad = idProblem(corrects, limits.idLengthMax);
  if (bad !== null) return describeTextProblem(bad, limits.idLengthMax);
  return corrects === transactionId ? 'must name another transaction' : null;
}

function addUnknownFields(errors: PostingError[], item: Readonly<Record<string, unknown>>): void {
  let unknown = 0;
  for (const name of Object.keys(item)) {
    if (knownFields.has(name)) continue;
    unknown += 1;
    if (unknown > namedUnknownFieldsMax) continue;
    const reason = `${JSON.stringify(firstCharacters(name))} is not a field of a transaction`;
    errors.push({ pointer: `/${pointerToken(name)}`, reason });
  }
  if (unknown <= namedUnknownFieldsMax) return;
  const more = unknown - namedUnknownFieldsMax;
  errors.push({ pointer: '', reason: `the transaction has ${more} more fields that are not known` });
}

function addTextError(errors: PostingError[], name: string, value: unknown): void {
  const bad = textProblem(value, limits.textLengthMax);
  if (bad !== null) addError(errors, name, describeTextProblem(bad, limits.textLengthMax));
}

function addError(errors: PostingError[], name: string, message: string): void {
  errors.push({ pointer: `/${name}`, reason: `${name} ${message}` });
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
