import { z } from 'zod';
import { seal } from '../../crypto/seal.js';
import { putAccount as storeAccount } from '../../db/accounts.js';
import { limits } from '../../domain/limits.js';
import { accountJson, accountSchema } from '../account-json.js';
import { defineRoute } from '../define-route.js';
import { accountId, customerId, nothing, textField } from '../fields.js';
import { Problem, notFound } from '../problem.js';

const bodyBytesMax = 64 * 1024;
const yearMin = 1800;
/** The longest account number: the 34 characters of an IBAN, with separators. */
const numberLengthMax = 50;
const numberDigitsMin = 4;

const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

const accountBody = z
  .strictObject({
    name: textField(limits.nameLengthMax),
    type: z.enum(['bank', 'credit_card']),
    currency: z
      .string()
      .refine((code) => currencies.has(code), 'must be a currency of ISO 4217 in capitals, such as EUR')
      .meta({ minLength: 3, maxLength: 3, example: 'GBP' }),
    number: z
      .string()
      .max(numberLengthMax)
      .regex(/^[A-Za-z0-9][A-Za-z0-9 ./-]*$/, 'must contain only letters, digits, blanks and . / -')
      .refine(
        (text) => digitsOf(text).length >= numberDigitsMin,
        `must have at least ${numberDigitsMin} letters or digits`,
      )
      .optional()
      .meta({
        description: 'Stored encrypted; answers show only its last four characters.',
        writeOnly: true,
      }),
    opened_on: z.iso
      .date()
      .refine((date) => Number(date.slice(0, 4)) >= yearMin, `must not be before ${yearMin}`)
      .optional(),
  })
  .meta({ id: 'AccountInput' });

/** Creates or replaces an account; its number is sealed before it is stored. */
export const putAccount = defineRoute({
  method: 'put',
  path: '/v1/customers/{customer_id}/accounts/{account_id}',
  roles: ['core'],
  resource: 'customer',
  summary: 'Create or replace an account',
  description:
    'An id belongs to one customer: under another customer it is 409. Currency and type cannot change once the account has postings or was published.',
  params: z.strictObject({ customer_id: customerId, account_id: accountId }),
  query: nothing,
  body: { schema: accountBody, bytesMax: bodyBytesMax },
  answers: {
    200: { description: 'Replaced', schema: accountSchema },
    201: { description: 'Created', schema: accountSchema },
  },
  handle: async ({ deps, params, body }) => {
    const row = params.account_id;
    const stored = await storeAccount(deps.pool, {
      accountId: row,
      customerId: params.customer_id,
      name: body.name,
      type: body.type,
      currency: body.currency,
      number:
        body.number === undefined
          ? null
          : {
              sealed: seal(deps.keyring, body.number, { table: 'accounts', row }),
              last4: lastDigitsOf(body.number),
            },
      openedOn: body.opened_on ?? null,
    });
    switch (stored.kind) {
      case 'created':
      case 'updated':
        return { status: stored.kind === 'created' ? 201 : 200, body: accountJson(stored.account) };
      case 'unknown_customer':
        throw notFound('customer');
      case 'other_customer':
        throw new Problem({
          status: 409,
          code: 'account_of_other_customer',
          detail: 'this account belongs to another customer',
        });
      case 'immutable':
        throw new Problem({
          status: 409,
          code: 'account_in_use',
          detail: `the ${stored.field} cannot change: the account has postings or was published`,
        });
    }
  },
});

/** Shown to distinguish accounts. A number of four characters shows only half, so that the rest stays secret. */
function lastDigitsOf(number: string): string {
  const digits = digitsOf(number);
  return digits.slice(digits.length > 4 ? -4 : -2);
}

function digitsOf(number: string): string {
  return number.replace(/[^A-Za-z0-9]/g, '');
}
