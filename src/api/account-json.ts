import { z } from 'zod';
import type { AccountRow } from '../db/accounts.js';
import { cardFactNames, type CardFactName } from '../domain/account-facts.js';
import { instant } from './fields.js';

const maybeText = z.string().nullable();
const maybeDate = z.string().nullable().meta({ format: 'date' });

export const balancesSchema = z
  .object({ available: maybeText, current: maybeText, as_of: instant })
  .meta({ id: 'Balances' });

/** One field of an account as the provider of a feed, and therefore Sage, still shows it. */
const differenceFields = {
  field: z.enum(['name', 'number', 'currency']),
  sage_shows: z.string().meta({ description: 'Of a number only the last four characters.' }),
};
export const differencesSchema = z.array(z.object(differenceFields)).meta({
  description: 'What Sage shows of the account that is not so any more: it cannot be changed there.',
});

/** An account in answers: never its number. */
export const accountSchema = z
  .object({
    account_id: z.string(),
    customer_id: z.string(),
    name: z.string(),
    type: z.enum(['bank', 'credit_card']),
    currency: z.string(),
    number_last4: maybeText,
    number_masked: z.boolean().meta({ description: 'The number was given with some of its digits masked.' }),
    iban_last4: maybeText,
    routing_number: maybeText,
    sort_code: maybeText,
    line_of_business: maybeText,
    parent_account_id: maybeText,
    publishable: z.boolean(),
    opened_on: maybeDate,
    closed_on: maybeDate.meta({
      format: 'date',
      description: 'The last booking day that is sent; null while the account is open.',
    }),
    replaces: maybeText,
    time_zone: maybeText,
    balances: balancesSchema.nullable(),
    ...(Object.fromEntries(cardFactNames.map((name) => [name, maybeText])) as Record<
      CardFactName,
      typeof maybeText
    >),
    differences: z
      .array(z.object({ feed_id: z.string().meta({ format: 'uuid' }), ...differenceFields }))
      .meta({
        description: 'What Sage shows of the account that is not so any more, for each feed that is open.',
      }),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'Account' });

export function accountJson(account: AccountRow) {
  return {
    account_id: account.accountId,
    customer_id: account.customerId,
    name: account.name,
    type: account.type,
    currency: account.currency,
    number_last4: account.numberLast4,
    number_masked: account.numberMasked,
    iban_last4: account.ibanLast4,
    routing_number: account.routingNumber,
    sort_code: account.sortCode,
    line_of_business: account.lineOfBusiness,
    parent_account_id: account.parentAccountId,
    publishable: account.publishable,
    opened_on: account.openedOn,
    closed_on: account.closedOn,
    replaces: account.replaces,
    time_zone: account.timeZone,
    balances: balancesJson(account),
    ...account.cardFacts,
    differences: account.differences.map(({ feedId, field, shown }) => ({
      feed_id: feedId,
      field,
      sage_shows: shown,
    })),
    created_at: account.createdAt,
    updated_at: account.updatedAt,
  };
}

export function balancesJson({ balances }: Pick<AccountRow, 'balances'>) {
  if (balances === null) return null;
  return { available: balances.available, current: balances.current, as_of: balances.asOf };
}
