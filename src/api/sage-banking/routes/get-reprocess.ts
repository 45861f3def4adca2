import { z } from 'zod';
import { listReprocessedTransactions } from '../../../db/sage-banking/reprocess-progress.js';
import { readSageReprocess } from '../../../db/sage-banking/reprocesses.js';
import { defineSageRoute } from '../define-route.js';
import { cursorKey, page, pageFields, pageSize, uuid } from '../../fields.js';
import { invalid, notFound } from '../../problem.js';
import { sageReprocessJson, sageReprocessPageSchema } from '../reprocess-json.js';

/** A transaction's id at Sage. */
const keyForm = /^\d{1,16}$/;

/** A reprocess run with its new suggestions. */
export const getSageReprocess = defineSageRoute({
  method: 'get',
  path: '/v1/sage/reprocesses/{reprocess_id}',
  roles: ['core', 'ops'],
  resource: 'reprocess run',
  summary: 'Read a reprocess run with its new suggestions',
  params: z.strictObject({ reprocess_id: uuid }),
  query: z.strictObject(pageFields),
  answers: {
    200: { description: 'The run, with a page of its transactions', schema: sageReprocessPageSchema },
  },
  handle: async ({ deps, params, query }) => {
    const reprocess = await readSageReprocess(deps.pool, { reprocessId: params.reprocess_id });
    if (reprocess === null) throw notFound('reprocess run');
    const key = cursorKey(query.cursor, keyForm);
    if (key === null) {
      const message = 'is not a cursor of this list';
      throw invalid({ status: 400, code: 'invalid_query', errors: [{ pointer: '/cursor', message }] });
    }
    const limit = pageSize(query.limit);
    const rows = await listReprocessedTransactions(deps.pool, {
      reprocess,
      afterId: Number(key ?? 0),
      limit: limit + 1,
    });
    const { shown, next } = page(rows, limit, ({ transactionId }) => String(transactionId));
    return {
      status: 200,
      body: {
        ...sageReprocessJson(reprocess),
        transactions: shown.map(({ body }) => body),
        next_cursor: next,
      },
    };
  },
});
