import { z } from 'zod';
import { closeAccount } from '../../db/account-life.js';
import { todayIn, zoneOf } from '../../domain/booking-day.js';
import { notifyFeeds } from '../account-feeds.js';
import { accountJson, accountSchema } from '../account-json.js';
import type { ApiChannels } from '../channel.js';
import { defineRoute, type RouteAnswer } from '../define-route.js';
import type { ApiDeps } from '../deps.js';
import { accountId, customerId, nothing } from '../fields.js';
import { notFound } from '../problem.js';

const documentation = {
  roles: ['core'],
  resource: 'account',
  summary: 'Close an account',
  description:
    "Sets `closed_on` to today in the account's zone, and keeps all data. The account is not offered any more; its feeds send what was booked up to that day, also when it arrives later, and close by themselves. Transactions booked later are rejected. Repeating the request changes nothing; `PUT` without `closed_on` opens the account again.",
  answers: { 200: { description: 'Closed', schema: accountSchema } },
} as const;

/** Closes an account, by its own path and by that of its customer. */
export function deleteAccountRoutes(channels: ApiChannels) {
  return [
    defineRoute({
      ...documentation,
      method: 'delete',
      path: '/v1/accounts/{account_id}',
      params: z.strictObject({ account_id: accountId }),
      query: nothing,
      handle: ({ deps, params }) => close(deps, channels, { accountId: params.account_id }),
    }),
    defineRoute({
      ...documentation,
      method: 'delete',
      path: '/v1/customers/{customer_id}/accounts/{account_id}',
      params: z.strictObject({ customer_id: customerId, account_id: accountId }),
      query: nothing,
      handle: ({ deps, params }) =>
        close(deps, channels, { accountId: params.account_id, customerId: params.customer_id }),
    }),
  ];
}

async function close(
  deps: ApiDeps,
  channels: ApiChannels,
  input: { readonly accountId: string; readonly customerId?: string },
): Promise<RouteAnswer> {
  const bankTimeZone = deps.config.BANK_TIME_ZONE ?? null;
  const account = await closeAccount(deps.pool, {
    ...input,
    todayIn: (timeZone) => todayIn(zoneOf({ timeZone, bankTimeZone }), deps.nowMs()),
  });
  if (account === null) throw notFound('account');
  // Also for a repeat: the first call may have died before its signals.
  await notifyFeeds(deps, channels, input);
  return { status: 200, body: accountJson(account) };
}
