import { z } from 'zod';
import { beginSageReprocess } from '../../../db/sage-banking/reprocesses.js';
import { sageReprocessLimits } from '../../../domain/sage-banking/reprocess.js';
import { commandIdOf } from '../../await-command.js';
import { defineSageRoute } from '../define-route.js';
import { nothing } from '../../fields.js';
import { Problem, invalid } from '../../problem.js';
import { requireSageAccount, sageAccountParams } from '../account-params.js';
import { sageReprocessJson, sageReprocessSchema } from '../reprocess-json.js';

const { idsMax } = sageReprocessLimits;
/** Enough for this many ids of sixteen digits. */
const bodyBytesMax = 256 * 1024;

const reprocessBody = z
  .strictObject({
    transaction_ids: z
      .array(z.int().min(1))
      .min(1)
      .max(idsMax)
      .optional()
      .meta({
        description: `Sage's ids, at most ${String(idsMax)} per call. Unknown ids are left out and listed in the answer.`,
      }),
    all_pending: z.literal(true).optional().meta({
      description: 'Instead of ids: every stored transaction that was received without postings.',
    }),
  })
  .superRefine((body, context) => {
    if ((body.transaction_ids === undefined) !== (body.all_pending === undefined)) return;
    context.addIssue({ code: 'custom', message: 'must have either transaction_ids or all_pending' });
  })
  .meta({ id: 'SageReprocessInput' });

/** Starts a reprocess run, in which Sage applies the account's rules to stored transactions again. */
export const postSageReprocess = defineSageRoute({
  method: 'post',
  path: '/v1/sage/accounts/{sage_account_id}/reprocess',
  roles: ['core'],
  resource: 'account',
  summary: 'Apply the rules to stored transactions again',
  description:
    'Runs in the background, in chunks of the size that Sage accepts: read the run at `Location`. An account has one run at a time: another call is 409 with the id of the current run.',
  params: sageAccountParams,
  query: nothing,
  body: { schema: reprocessBody, bytesMax: bodyBytesMax },
  answers: { 202: { description: 'Started', schema: sageReprocessSchema } },
  handle: async ({ deps, params, body, seed }) => {
    const account = await requireSageAccount(deps, { sageAccountId: params.sage_account_id });
    const { sageAccountId, customerId, status } = account;
    if (status === 'cancelled' || account.cancelRequestedAt !== null) {
      const detail = 'a cancelled account cannot be reprocessed';
      throw new Problem({ status: 409, code: 'wrong_state', detail, extra: { state: status } });
    }
    const begun = await beginSageReprocess(deps.pool, {
      reprocessId: commandIdOf(seed),
      sageAccountId,
      customerId,
      transactionIds: body.transaction_ids ?? null,
    });
    switch (begun.outcome) {
      case 'unknown_ids': {
        const message = 'none of these transactions is stored';
        throw invalid({
          status: 422,
          code: 'unknown_transactions',
          errors: [{ pointer: '/transaction_ids', message }],
        });
      }
      case 'running': {
        const { reprocessId } = begun;
        await deps.sage.startReprocess({ reprocessId });
        const detail = 'the account is being reprocessed already';
        throw new Problem({
          status: 409,
          code: 'reprocess_running',
          detail,
          extra: { reprocess_id: reprocessId },
        });
      }
      case 'begun': {
        const { reprocess } = begun;
        await deps.sage.startReprocess(reprocess);
        return {
          status: 202,
          body: sageReprocessJson(reprocess),
          headers: { Location: `/v1/sage/reprocesses/${reprocess.reprocessId}` },
        };
      }
    }
  },
});
