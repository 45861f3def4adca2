import { z } from 'zod';
import type { SageReprocessRow } from '../../db/sage-banking/reprocesses.js';
import { sageReprocessLimits, sageReprocessReasons } from '../../domain/sage-banking/reprocess.js';
import { instant } from '../fields.js';

const fields = {
  reprocess_id: z.string().meta({ format: 'uuid' }),
  sage_account_id: z.string().meta({ format: 'uuid' }),
  state: z.enum(['running', 'done', 'failed']),
  reason: z.enum(sageReprocessReasons).nullable().meta({
    description:
      'Why it failed. Transactions that were already reprocessed keep their new suggestions; the others keep the earlier ones.',
  }),
  message: z.string().nullable().meta({ description: "Sage's message." }),
  total: z.int().meta({ description: 'Transactions of the run.' }),
  done: z.int().meta({ description: 'Those reprocessed so far.' }),
  left_out: z.array(z.int()).meta({
    description: `Ids that are unknown here or at Sage, or whose object is too large, or whose suggestions cannot be read. The first ${String(sageReprocessLimits.leftOutListMax)}.`,
  }),
  left_out_total: z.int(),
  created_at: instant,
  finished_at: instant.nullable(),
};

export const sageReprocessSchema = z.object(fields).meta({ id: 'SageReprocess' });

export const sageReprocessPageSchema = z
  .object({
    ...fields,
    transactions: z.array(z.looseObject({ transactionId: z.int() })).meta({
      description:
        "Sage's objects of the transactions reprocessed so far, ordered by id, with their new `predictedActions`.",
    }),
    next_cursor: z.string().nullable().meta({ description: 'For the next page; null on the last one.' }),
  })
  .meta({ id: 'SageReprocessPage' });

export function sageReprocessJson(row: SageReprocessRow): z.output<typeof sageReprocessSchema> {
  return {
    reprocess_id: row.reprocessId,
    sage_account_id: row.sageAccountId,
    state: row.state,
    reason: row.reason,
    message: row.message,
    total: row.total,
    done: row.doneCount,
    left_out: [...row.leftOut],
    left_out_total: row.leftOutCount,
    created_at: row.createdAt,
    finished_at: row.finishedAt,
  };
}
