import type { CardFacts } from '../../domain/account-facts.js';
import { cardAmounts, cardDates, cardRates } from '../../domain/account-facts.js';
import { accountDate, accountFactFields } from './assumptions.js';

/** A new bank feed account (contract 6.3). Amounts are exact decimals, dates `YYYY-MM-DD`. */
export interface NewAccount {
  /** Ours. Rutter does not keep it unique: list and match before creating. */
  readonly internalBankAccountId: string;
  readonly bankAccountType: 'bank' | 'credit_card';
  readonly currencyCode: string;
  readonly name: string;
  readonly bankAccountNumber?: string | null;
  /** The earliest date offered to the customer. */
  readonly transactionStartDate?: string | null;
  /** What Rutter describes as supported elsewhere only. */
  readonly facts?: NewAccountFacts | null;
}

export interface NewAccountFacts {
  readonly availableBalance: string | null;
  readonly currentBalance: string | null;
  readonly routingNumber: string | null;
  readonly lineOfBusiness: string | null;
  readonly parentBankFeedAccountId: string | null;
  readonly card: CardFacts;
}

/** The body of POST accounts: the same account always gives the same bytes. It holds the account's number: a secret. */
export function serializeAccount(account: NewAccount): string {
  const fields: Record<string, string | number | null> = {
    internal_bank_account_id: account.internalBankAccountId,
    bank_account_type: account.bankAccountType,
    currency_code: account.currencyCode,
    name: account.name,
    bank_account_number: account.bankAccountNumber ?? null,
    transaction_start_date: mapped(account.transactionStartDate, accountDate),
    ...(account.facts == null ? {} : factFields(account.facts)),
  };
  const known = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  return JSON.stringify({ response_mode: 'prefer_sync', bank_feed_account: known });
}

function factFields(facts: NewAccountFacts): Record<string, string | number | null> {
  const { card } = facts;
  return {
    available_balance: mapped(facts.availableBalance, Number),
    current_balance: mapped(facts.currentBalance, Number),
    routing_number: facts.routingNumber,
    line_of_business: facts.lineOfBusiness,
    parent_bank_feed_account_id: facts.parentBankFeedAccountId,
    ...Object.fromEntries([...cardAmounts, ...cardRates].map((name) => [name, mapped(card[name], Number)])),
    ...Object.fromEntries(cardDates.map((name) => [name, mapped(card[name], accountDate)])),
  };
}

/** Amounts were accepted with at most 15 significant digits, which a JSON number carries exactly. */
function mapped<Result>(text: string | null | undefined, map: (text: string) => Result): Result | null {
  return text == null ? null : map(text);
}

/** The further facts in a body, by Rutter's names. */
export function factsInBody(body: string): string[] {
  const { bank_feed_account: account } = JSON.parse(body) as { bank_feed_account: Record<string, unknown> };
  return accountFactFields.filter((name) => name in account);
}

/** Those of `fields` that a provider message names, however it writes them: `credit_limit`, `creditLimit`, `Credit limit`. */
export function fieldsNamedIn(message: string | null, fields: readonly string[]): string[] {
  if (message === null) return [];
  return fields.filter((field) =>
    new RegExp(`(?<![a-z0-9])${field.replaceAll('_', '[_ -]?')}(?![a-z0-9])`, 'i').test(message),
  );
}
