import type { Knobs } from './assumptions.js';
import type { AccountRecord, AnsweredTransaction, BookEntry } from './records.js';

export type Json = Record<string, unknown>;

const accountFields = [
  'account_id',
  'internal_bank_account_id',
  'parent_bank_feed_account_id',
  'last_statement_date',
  'next_payment_date',
  'bank_account_type',
  'available_balance',
  'available_credit',
  'bank_account_number',
  'credit_limit',
  'currency_code',
  'current_balance',
  'finance_charges',
  'last_statement_balance',
  'line_of_business',
  'minimum_payment_amount',
  'name',
  'next_payment_amount',
  'past_due_amount',
  'purchases_apr',
  'routing_number',
] as const;

/** The account as GET and POST show it. */
export function renderAccount(account: AccountRecord, knobs: Knobs, expandPlatformData = false): Json {
  const shown: Json = { id: account.id };
  for (const name of accountFields) shown[name] = account.fields[name] ?? null;
  shown['currency_code'] = nullableEnum(account.fields['currency_code'] ?? null, knobs);
  shown['transaction_start_date'] = account.transactionStartDate;
  shown['feed_status'] = account.feedStatus;
  shown['transaction_ready'] = account.transactionReady;
  shown['last_synced_at'] = iso(account.updatedAtMs);
  if (expandPlatformData) shown['platform_data'] = {};
  return withExtras(shown, knobs);
}

/** The transaction in GET answers; POST answers add `duplicate`. */
export function renderTransaction(entry: BookEntry, knobs: Knobs, frozen?: AnsweredTransaction): Json {
  const shown: Json = {
    id: entry.id,
    bank_feed_account_id: entry.accountId,
    transaction_id: entry.transaction_id,
    posted_at: entry.posted_at,
    transaction_date: entry.transaction_date,
    amount: entry.amount,
    debit_credit_memo: nullableEnum(entry.debit_credit_memo, knobs),
    description: entry.description,
    interest_amount: entry.interest_amount,
    memo: entry.memo,
    payee: entry.payee,
    platform_ingested: ingestedFlag(frozen?.ingested ?? entry.ingested, knobs),
    principal_amount: entry.principal_amount,
    transaction_type: entry.transaction_type,
    last_synced_at: iso(frozen === undefined ? entry.updatedAtMs : frozen.syncedAtMs),
  };
  if (frozen !== undefined) shown['duplicate'] = frozen.duplicate;
  return withExtras(shown, knobs);
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** The description renders null in an enum as the text "null"; the knob makes the sandbox do so too. */
export function nullableEnum(value: string | number | null, knobs: Knobs): string | number | null {
  return value === null && knobs.nullEnumText ? 'null' : value;
}

/** The flag may be null in the description: the knob makes it null always. */
function ingestedFlag(ingested: boolean, knobs: Knobs): boolean | null {
  return knobs.ingestedFlagNull ? null : ingested;
}

/** Adds an undocumented field when the knob is set. */
export function withExtras(shown: Json, knobs: Knobs): Json {
  if (knobs.extraFields) shown['field_from_the_future'] = { nested: [1, 'two', null] };
  return shown;
}
