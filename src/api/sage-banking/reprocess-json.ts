import { z } from 'zod';
import type { SageReprocessRow } from '../../db/sage-banking/reprocesses.js';
import { sageReprocessLimits, sageReprocessReasons } from '../../domain/sage-banking/reprocess.js';
import { instant } from '../fields.js';

const fields = {
  reprocess_id: z.string().meta({ format: 'uuid' }),
  sage_account_id: z.string().meta({ format: 'uuid' }),
  state: z.enum(['running', 'done', 'failed']),
  reason: z.enum(sageReprocessReasons).nullable().meta({
    description: 'Why it failed. What was reprocessed before stays; all else keeps its earlier suggestions.',
  }),
  message: z.string().nullable().meta({ description: "Sage's own words." }),
  total: z.int().meta({ description: 'Transactions that the run is about.' }),
  done: z.int().meta({ description: 'Those that were reprocessed so far.' }),
  left_out: z.array(z.int()).meta({
    description: `Ids that we or Sage do not have, or whose object is too large or whose suggestions cannot be read: the first ${String(sageReprocessLimits.leftOutListMax)}.`,
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
        "Sage's objects of those that were reprocessed so far, by their ids, with the `predictedActions` that they have now.",
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
