import { z } from 'zod';
import { seal } from '../../crypto/seal.js';
import type { PredecessorProblem } from '../../db/account-life.js';
import { readAccount } from '../../db/accounts.js';
import {
  putAccount as storeAccount,
  type PutAccountInput,
  type PutAccountResult,
} from '../../db/put-account.js';
import { readAccountNumber, shownCharactersMax } from '../../domain/account-number.js';
import { accountInput, balancesOf, cardFactsOf, type AccountInput } from '../account-input.js';
import { accountJson, accountSchema } from '../account-json.js';
import type { AccountPublishing, ApiChannels } from '../channel.js';
import { notifyFeeds } from '../account-feeds.js';
import { defineRoute } from '../define-route.js';
import type { ApiDeps } from '../deps.js';
import { accountId, customerId, nothing } from '../fields.js';
import { Problem, invalid, notFound } from '../problem.js';

const bodyBytesMax = 64 * 1024;

/** Creates or replaces an account; its number and IBAN are sealed before they are stored. */
export function putAccount(channels: ApiChannels) {
  const publishing = Object.values(channels).flatMap((channel) => channel.publishing ?? []);
  const currencies = new Set(publishing.flatMap((each) => [...each.currencies]));
  return defineRoute({
    method: 'put',
    path: '/v1/customers/{customer_id}/accounts/{account_id}',
    roles: ['core'],
    resource: 'customer',
    summary: 'Create or replace an account',
    description:
      'An id belongs to one customer: under another customer it is 409. Currency and type cannot change once the account has postings or was published. A field that is left out is removed, but for `balances`, which stay as they are. With `closed_on` the account is closed, without it it is open again: a feed that closed with it opens, too.',
    params: z.strictObject({ customer_id: customerId, account_id: accountId }),
    query: nothing,
    body: { schema: accountInput(currencies), bytesMax: bodyBytesMax },
    answers: {
      200: { description: 'Replaced', schema: accountSchema },
      201: { description: 'Created', schema: accountSchema },
    },
    handle: async ({ deps, params, body }) => {
      const { customer_id: customerId, account_id: accountId } = params;
      if (body.parent_account_id === accountId) throw ownParent();
      const stored = await storeAccount(deps.pool, {
        ...accountOf(deps, { accountId, body }),
        customerId,
        currencyCanBePublished: publishing.length === 0 || currencies.has(body.currency),
      });
      if (!('account' in stored)) throw refusalOf(stored, { currency: body.currency, publishing });
      for (const each of publishing) await each.recordChange(deps, { accountId });
      if (stored.lifeChanged || stored.account.closedOn !== null) {
        await notifyFeeds(deps, channels, { accountId });
      }
      // Read again: the change may be what Sage does not show.
      const account = (await readAccount(deps.pool, { accountId })) ?? stored.account;
      return { status: stored.kind === 'created' ? 201 : 200, body: accountJson(account) };
    },
  });
}

function accountOf(
  { keyring }: ApiDeps,
  { accountId: row, body }: { accountId: string; body: AccountInput },
): Omit<PutAccountInput, 'customerId' | 'currencyCanBePublished'> {
  const { number, iban } = body;
  const read = number === undefined ? null : readAccountNumber(number);
  return {
    accountId: row,
    name: body.name,
    type: body.type,
    currency: body.currency,
    number:
      number === undefined || read === null || 'problem' in read
        ? null
        : { sealed: seal(keyring, number, { table: 'accounts', row }), ...read },
    iban:
      iban === undefined
        ? null
        : {
            sealed: seal(keyring, iban, { table: 'accounts', row, column: 'iban' }),
            last4: iban.slice(-shownCharactersMax),
          },
    routingNumber: body.routing_number ?? null,
    sortCode: body.sort_code ?? null,
    lineOfBusiness: body.line_of_business ?? null,
    parentAccountId: body.parent_account_id ?? null,
    publishable: body.publishable ?? true,
    openedOn: body.opened_on ?? null,
    closedOn: body.closed_on ?? null,
    replaces: body.replaces ?? null,
    timeZone: body.time_zone ?? null,
    cardFacts: cardFactsOf(body),
    balances: body.balances === undefined ? null : balancesOf(body.balances),
  };
}

function ownParent(): Problem {
  const errors = [{ pointer: '/parent_account_id', message: 'must name another account' }];
  return invalid({ status: 422, code: 'invalid_body', errors });
}

const predecessorMessages: Readonly<Record<PredecessorProblem, string>> = {
  itself: 'must name another account',
  unknown: 'must name an account of the same customer: PUT that account first',
  cycle: 'names an account that continues this one: two accounts cannot replace each other',
};

function refusalOf(
  stored: Exclude<PutAccountResult, { account: unknown }>,
  { currency, publishing }: { currency: string; publishing: readonly AccountPublishing[] },
): Problem {
  switch (stored.kind) {
    case 'unknown_customer':
      return notFound('customer');
    case 'other_customer':
      return new Problem({
        status: 409,
        code: 'account_of_other_customer',
        detail: 'this account belongs to another customer',
      });
    case 'immutable':
      return new Problem({
        status: 409,
        code: 'account_in_use',
        detail: `the ${stored.field} cannot change: the account has postings or was published`,
      });
    case 'bad_predecessor': {
      const errors = [{ pointer: '/replaces', message: predecessorMessages[stored.problem] }];
      return invalid({ status: 422, code: 'invalid_body', errors });
    }
    case 'unpublishable_currency': {
      const providers = publishing.map(({ provider }) => provider).join(' and ');
      const message = `${currency} is not on the list of currencies of ${providers}, so the account could never be shared with Sage: send "publishable": false to keep it here without sharing it`;
      return new Problem({
        status: 422,
        code: 'currency_not_publishable',
        detail: message,
        errors: [{ pointer: '/currency', message }],
      });
    }
  }
}
