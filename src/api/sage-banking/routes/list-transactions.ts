import { z } from 'zod';
import { listStoredTransactions, type StoredSageTransaction } from '../../../db/sage-banking/transactions.js';
import { defineSageRoute } from '../define-route.js';
import { cursorKey, nextCursor, page, pageFields, pageSize } from '../../fields.js';
import { invalid } from '../../problem.js';
import { requireSageAccount, sageAccountParams } from '../account-params.js';

/** Sage's ids: integers that a JSON number represents exactly. */
const idForm = /^\d{1,16}$/;

/** Stored transactions of an account, as Sage sent them. */
export const listSageTransactions = defineSageRoute({
  method: 'get',
  path: '/v1/sage/accounts/{sage_account_id}/transactions',
  roles: ['core', 'ops'],
  resource: 'account',
  summary: 'List the transactions of an account, in the order of their ids',
  description:
    "Sage's own objects; `predictedActions` are the suggestions from the last read or reprocess run, not facts. To continue after an earlier read, pass its last id as `after_transaction_id`. Transactions that a correction replaced or removed are left out, and so are removals: pass `include=corrected` to get all, with `corrected` saying what is not in force. Copy transactions with it, or a removal stays unseen.",
  params: sageAccountParams,
  query: z.strictObject({
    after_transaction_id: z.string().regex(idForm, 'must be an id of a transaction').optional(),
    include: z
      .enum(['corrected'])
      .optional()
      .meta({ description: 'Corrected transactions and removals, too.' }),
    ...pageFields,
  }),
  answers: {
    200: {
      description: 'A page of transactions',
      schema: z
        .object({
          transactions: z.array(z.looseObject({ transactionId: z.int() })),
          corrected: z
            .array(
              z.object({
                transaction_id: z.int(),
                corrected_by: z.int().nullable().meta({ description: 'Null for a removal itself.' }),
              }),
            )
            .optional()
            .meta({ description: 'With `include=corrected`: those of the page that are not in force.' }),
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
      scope: query.include === 'corrected' ? 'all' : 'in_force',
    });
    const { shown, next } = page(rows, limit, (row) => String(row.transactionId));
    const corrected = query.include === undefined ? {} : { corrected: correctedOf(shown) };
    const transactions = shown.map((row) => row.body);
    return { status: 200, body: { transactions, ...corrected, next_cursor: next } };
  },
});

function correctedOf(rows: readonly StoredSageTransaction[]) {
  return rows
    .filter(({ correctedBy, correctionAction }) => correctedBy !== null || correctionAction === 'delete')
    .map(({ transactionId, correctedBy }) => ({ transaction_id: transactionId, corrected_by: correctedBy }));
}
