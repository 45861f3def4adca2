import { z } from 'zod';
import { readAccount } from '../../db/accounts.js';
import { readIngestionProblems } from '../../db/ingestion-problems.js';
import { accountJson, accountSchema } from '../account-json.js';
import { defineRoute } from '../define-route.js';
import { accountId, nothing } from '../fields.js';
import { ingestionProblemsJson, ingestionProblemsSchema } from '../ingestion-problems-json.js';
import { notFound } from '../problem.js';

const describedAccount = z
  .object({
    ...accountSchema.shape,
    ingestion_problems: ingestionProblemsSchema.meta({
      description: 'Items of the account that were not taken as they were sent, since the account exists.',
    }),
  })
  .meta({ id: 'AccountWithIngestionProblems' });

/** One account; of its numbers only the last characters. An account without a feed shows only here what was rejected. */
export const getAccount = defineRoute({
  method: 'get',
  path: '/v1/accounts/{account_id}',
  roles: ['core', 'ops'],
  resource: 'account',
  summary: 'Read an account',
  params: z.strictObject({ account_id: accountId }),
  query: nothing,
  answers: { 200: { description: 'The account', schema: describedAccount } },
  handle: async ({ deps, params }) => {
    const account = await readAccount(deps.pool, { accountId: params.account_id });
    if (account === null) throw notFound('account');
    const counts = await readIngestionProblems(deps.pool, account);
    return {
      status: 200,
      body: { ...accountJson(account), ingestion_problems: ingestionProblemsJson(counts) },
    };
  },
});
