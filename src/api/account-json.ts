import { z } from 'zod';
import type { AccountRow } from '../db/accounts.js';
import { instant } from './fields.js';

/** An account in answers: never its number. */
export const accountSchema = z
  .object({
    account_id: z.string(),
    customer_id: z.string(),
    name: z.string(),
    type: z.enum(['bank', 'credit_card']),
    currency: z.string(),
    number_last4: z.string().nullable(),
    opened_on: z.string().nullable().meta({ format: 'date' }),
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
    opened_on: account.openedOn,
    created_at: account.createdAt,
    updated_at: account.updatedAt,
  };
}
