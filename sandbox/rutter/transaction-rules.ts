import { assumedCode, batchMax, batchMin, idCharactersMax, textCharactersMax } from './assumptions.js';
import { invalidInput, isObject, newId } from './http.js';
import { isoDateMs } from '../stand-in/iso-date.js';
import type { SentTransaction } from './records.js';
import type { Sandbox } from './sandbox.js';

const transactionTypes: ReadonlySet<unknown> = new Set([
  'credit',
  'debit',
  'fee',
  'deposit',
  'transfer',
  'payment',
  'interest',
  'unknown',
]);
const sageFields: ReadonlySet<string> = new Set([
  'transaction_id',
  'posted_at',
  'amount',
  'description',
  'transaction_type',
  'debit_credit_memo',
  'payee',
]);
/** In Rutter's schema, but not for Sage: accepted and recorded as a violation. */
const otherPlatformsFields: ReadonlySet<string> = new Set([
  'memo',
  'transaction_date',
  'interest_amount',
  'principal_amount',
]);
const batchFields: ReadonlySet<string> = new Set(['bank_feed_account_id', 'current_balance', 'transactions']);

export interface Batch {
  body: Record<string, unknown>;
  accountId: string;
  transactions: SentTransaction[];
}

/** Reads and checks the body of POST transactions. @throws ApiError 400 with the path of the field. */
export function readBatch(sandbox: Sandbox, json: unknown): Batch {
  if (!isObject(json)) throw invalidInput('the body must be a JSON object');
  const outer = json['bank_feed_transactions'];
  if (!isObject(outer)) throw invalidInput('bank_feed_transactions is required');
  refuseUnknown(sandbox, json, new Set(['response_mode', 'bank_feed_transactions']), 'the body');
  refuseUnknown(sandbox, outer, batchFields, 'bank_feed_transactions');
  if ('current_balance' in outer) sandbox.violation('field_not_for_sage', 'current_balance');
  const accountId = outer['bank_feed_account_id'];
  if (typeof accountId !== 'string') throw invalidInput('bank_feed_account_id is required');
  const list = outer['transactions'];
  if (!Array.isArray(list)) throw invalidInput('transactions must be a list');
  if (list.length < batchMin || list.length > batchMax) {
    sandbox.violation('batch_size', `${list.length} transactions in one request`);
    throw invalidInput(`transactions must have ${batchMin} to ${batchMax} items, not ${list.length}`);
  }
  const transactions = list.map((item: unknown, index) => readTransaction(sandbox, item, index));
  checkIds(sandbox, transactions);
  checkOrder(sandbox, transactions);
  return { body: json, accountId, transactions };
}

function readTransaction(sandbox: Sandbox, item: unknown, index: number): SentTransaction {
  const at = `transactions[${index}]`;
  if (!isObject(item)) throw invalidInput(`${at} must be an object`);
  checkFieldNames(sandbox, item, at);
  const amount = item['amount'];
  if (typeof amount !== 'number' || !Number.isFinite(amount))
    throw invalidInput(`${at}.amount must be a number`);
  const type = item['transaction_type'];
  if (!transactionTypes.has(type)) throw invalidInput(`${at}.transaction_type is not known`);
  const postedAt = item['posted_at'];
  const postedAtMs = typeof postedAt === 'string' ? isoDateMs(postedAt) : Number.NaN;
  if (Number.isNaN(postedAtMs)) throw invalidInput(`${at}.posted_at must be ISO 8601 with an offset`);
  const id = readText(item['transaction_id'], `${at}.transaction_id`, idCharactersMax);
  if (id === '') throw invalidInput(`${at}.transaction_id must not be empty`);
  return {
    id: newId(),
    transaction_id: id,
    posted_at: new Date(postedAtMs).toISOString(),
    amount,
    description: readText(item['description'], `${at}.description`, textCharactersMax),
    transaction_type: type as string,
    debit_credit_memo: readMemo(sandbox, item['debit_credit_memo'], amount, at),
    payee: readOptionalText(item['payee'], `${at}.payee`),
    memo: readOptionalText(item['memo'], `${at}.memo`),
    transaction_date: readOptionalText(item['transaction_date'], `${at}.transaction_date`),
    interest_amount: readOptionalNumber(item['interest_amount'], `${at}.interest_amount`),
    principal_amount: readOptionalNumber(item['principal_amount'], `${at}.principal_amount`),
  };
}

function checkFieldNames(sandbox: Sandbox, item: Record<string, unknown>, at: string): void {
  for (const name in item) {
    if (sageFields.has(name)) continue;
    if (otherPlatformsFields.has(name)) sandbox.violation('field_not_for_sage', `${at}.${name}`);
    else refuseUnknown(sandbox, item, new Set([...sageFields, ...otherPlatformsFields]), at);
  }
}

function refuseUnknown(
  sandbox: Sandbox,
  object: Record<string, unknown>,
  known: ReadonlySet<string>,
  at: string,
): void {
  const unknown = Object.keys(object).filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  sandbox.violation('unknown_transaction_field', `${at}: ${unknown.join(', ')}`);
  if (sandbox.knobs.unknownFieldsRefused)
    throw invalidInput(`${at} has unknown fields: ${unknown.join(', ')}`);
}

/** Money out is negative and DEBIT, money in positive and CREDIT (our assumption); zero goes with both. */
function readMemo(sandbox: Sandbox, memo: unknown, amount: number, at: string): string | null {
  if (memo === undefined || memo === null) {
    if (!sandbox.knobs.memoRequired) return null;
    sandbox.violation('memo_missing', at);
    throw invalidInput(`${at}.debit_credit_memo is required for this platform`);
  }
  if (memo !== 'DEBIT' && memo !== 'CREDIT')
    throw invalidInput(`${at}.debit_credit_memo must be DEBIT or CREDIT`);
  const contradicts = (memo === 'DEBIT' && amount > 0) || (memo === 'CREDIT' && amount < 0);
  if (contradicts && sandbox.knobs.signAgreement) {
    sandbox.violation('sign_contradicts_memo', at);
    throw invalidInput(`${at}: the sign of amount contradicts debit_credit_memo`);
  }
  return memo;
}

function checkIds(sandbox: Sandbox, transactions: readonly SentTransaction[]): void {
  const seen = new Set<string>();
  for (const { transaction_id: id } of transactions) {
    if (seen.has(id)) {
      sandbox.violation('transaction_id_twice_in_batch', id);
      throw invalidInput(`transaction_id ${id} is twice in the list`);
    }
    seen.add(id);
  }
}

/** Ascending posted_at inside the request, equal allowed; not checked against earlier batches (our assumptions). */
function checkOrder(sandbox: Sandbox, transactions: readonly SentTransaction[]): void {
  let last = '';
  for (const [index, { posted_at: postedAt }] of transactions.entries()) {
    // Normalised UTC texts of one length compare like times.
    if (postedAt < last) {
      sandbox.violation('not_chronological', `transactions[${index}] is older than the one before`);
      if (!sandbox.knobs.chronology) return;
      const text = `transactions[${index}].posted_at is older than the one before it`;
      throw invalidInput(text, assumedCode.notChronological);
    }
    last = postedAt;
  }
}

function readText(value: unknown, at: string, charactersMax: number): string {
  if (typeof value !== 'string') throw invalidInput(`${at} must be text`);
  if (value.length > charactersMax) throw invalidInput(`${at} is longer than ${charactersMax} characters`);
  return value;
}

function readOptionalText(value: unknown, at: string): string | null {
  return value === undefined || value === null ? null : readText(value, at, textCharactersMax);
}

function readOptionalNumber(value: unknown, at: string): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number') throw invalidInput(`${at} must be a number`);
  return value;
}
