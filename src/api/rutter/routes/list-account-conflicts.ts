import { z } from 'zod';
import { readAccount } from '../../../db/accounts.js';
import { listConflicts, type PostingConflict } from '../../../db/posting-conflicts.js';
import { conflictCodes, describeConflict } from '../../../domain/posting-conflict.js';
import { defineRutterRoute } from '../define-route.js';
import { numberedPage } from '../../feed-params.js';
import { accountId, instant, nextCursor, page, pageFields, transactionId } from '../../fields.js';
import { postingJson, postingSchema } from '../posting-json.js';
import { notFound } from '../../problem.js';

const conflictsSchema = z
  .object({
    conflicts: z.array(
      z.object({
        conflict_id: z.string(),
        transaction_id: z.string(),
        code: z.enum(conflictCodes),
        reason: z.string(),
        times: z.int().meta({ description: 'How often this version was received.' }),
        first_at: instant,
        last_at: instant,
        stored: postingSchema.meta({ description: 'The stored version.' }),
        received: postingSchema.meta({
          description: 'The version received under the same id, which was not stored.',
        }),
      }),
    ),
    next_cursor: nextCursor,
  })
  .meta({ id: 'ConflictPage' });

/** Transactions that core banking sent under a known id with other content, in both versions. */
export const listAccountConflicts = defineRutterRoute({
  method: 'get',
  path: '/v1/accounts/{account_id}/conflicts',
  roles: ['ops'],
  resource: 'account',
  summary: 'Transactions received again with other content, newest first',
  params: z.strictObject({ account_id: accountId }),
  query: z.strictObject({ transaction_id: transactionId.optional(), ...pageFields }),
  answers: { 200: { description: 'A page of conflicts with both versions', schema: conflictsSchema } },
  handle: async ({ deps, params, query }) => {
    const account = await readAccount(deps.pool, { accountId: params.account_id });
    if (account === null) throw notFound('account');
    const { before, limit } = numberedPage(query);
    const rows = await listConflicts(deps.pool, {
      accountId: account.accountId,
      transactionId: query.transaction_id,
      beforeConflictId: before,
      limit: limit + 1,
    });
    const { shown, next } = page(rows, limit, (conflict) => conflict.conflictId);
    return { status: 200, body: { conflicts: shown.map(conflictJson), next_cursor: next } };
  },
});

function conflictJson(conflict: PostingConflict) {
  return {
    conflict_id: conflict.conflictId,
    transaction_id: conflict.transactionId,
    code: conflict.code,
    reason: describeConflict(conflict.code),
    times: conflict.times,
    first_at: conflict.firstAt,
    last_at: conflict.lastAt,
    stored: postingJson(conflict.stored),
    received: postingJson(conflict.received),
  };
}
