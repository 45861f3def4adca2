import { z } from 'zod';
import { listStoredTransactions } from '../../../db/sage-banking/transactions.js';
import { defineSageRoute } from '../define-route.js';
import { cursorKey, nextCursor, page, pageFields, pageSize } from '../../fields.js';
import { invalid } from '../../problem.js';
import { requireSageAccount, sageAccountParams } from '../account-params.js';

/** Sage's ids: integers that a JSON number represents exactly. */
const idForm = /^\d{1,15}$/;

/** Stored transactions of an account, as Sage sent them. */
export const listSageTransactions = defineSageRoute({
  method: 'get',
  path: '/v1/sage/accounts/{sage_account_id}/transactions',
  roles: ['core', 'ops'],
  resource: 'account',
  summary: 'List the transactions of an account, in the order of their ids',
  description:
    "Sage's own objects; `predictedActions` are the suggestions from the last read or reprocess run, not facts. To continue after an earlier read, pass its last id as `after_transaction_id`.",
  params: sageAccountParams,
  query: z.strictObject({
    after_transaction_id: z.string().regex(idForm, 'must be an id of a transaction').optional(),
    ...pageFields,
  }),
  answers: {
    200: {
      description: 'A page of transactions',
      schema: z
        .object({
          transactions: z.array(z.looseObject({ transactionId: z.int() })),
          next_cursor: nextCursor,
        })
        .meta({ id: 'SageTransactionPage' }),
    },
  },
  handle: async ({ deps, params, query }) => {
    const { sageAccountId } = await requireSageAccount(deps, { sageAccountId: params.sage_account_id });
    const after = cursorKey(query.cursor, idForm);
    if (after === null) {
      const message = 'is not a cursor of this list';
      throw invalid({ status: 400, code: 'invalid_query', errors: [{ pointer: '/cursor', message }] });
    }
    const limit = pageSize(query.limit);
    const rows = await listStoredTransactions(deps.pool, {
      sageAccountId,
      afterId: Number(after ?? query.after_transaction_id ?? 0),
      limit: limit + 1,
    });
    const { shown, next } = page(rows, limit, (row) => String(row.transactionId));
    return { status: 200, body: { transactions: shown.map((row) => row.body), next_cursor: next } };
  },
});
