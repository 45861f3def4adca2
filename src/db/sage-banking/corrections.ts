import type { CorrectionAction } from '../../domain/sage-banking/correction.js';
import type { Queryable } from '../pool.js';

/** A stored transaction is in force unless a correction replaced or removed it, or it is itself the removal of another one. */
export const inForce = `corrected_by IS NULL AND correction_action IS DISTINCT FROM 'delete'`;

/** A correction that was stored just now. */
export interface StoredCorrection {
  readonly transactionId: number;
  readonly action: CorrectionAction;
  readonly corrects: string;
}

export interface CorrectionCounts {
  readonly replaced: number;
  readonly removed: number;
  /** Corrections whose original is not stored, for instance because it is older than the start date. */
  readonly withoutOriginal: number;
  /** Stored transactions that are not in force any more, the removals included. */
  readonly notInForce: number;
}

/**
 * Marks what new corrections replace or remove: the earlier transactions whose `serverTransactionId` they name, or else the
 * one whose id they name; and earlier corrections of the same original. Call it in the transaction that stores them.
 */
export async function applyCorrections(
  db: Queryable,
  input: { sageAccountId: string; corrections: readonly StoredCorrection[] },
): Promise<CorrectionCounts> {
  const counts = { replaced: 0, removed: 0, withoutOriginal: 0, notInForce: 0 };
  const ascending = [...input.corrections].sort((one, other) => one.transactionId - other.transactionId);
  for (const correction of ascending) {
    const isRemoval = correction.action === 'delete';
    const marked = await markCorrected(db, input.sageAccountId, correction);
    const inForceBefore = marked.filter((row) => row.action !== 'delete').length;
    counts.notInForce += inForceBefore + (isRemoval ? 1 : 0);
    if (marked.length === 0) counts.withoutOriginal += 1;
    else if (isRemoval) counts.removed += 1;
    else counts.replaced += 1;
  }
  return counts;
}

async function markCorrected(
  db: Queryable,
  sageAccountId: string,
  { transactionId, corrects }: StoredCorrection,
): Promise<{ action: string | null }[]> {
  const { rows } = await db.query<{ action: string | null }>(
    `WITH originals AS (
       SELECT transaction_id FROM sage_transactions
        WHERE sage_account_id = $1 AND transaction_id < $2
          AND md5(body ->> 'serverTransactionId') = md5($3) AND body ->> 'serverTransactionId' = $3
     ), corrected AS (
       SELECT transaction_id FROM originals
       UNION
       SELECT transaction_id FROM sage_transactions
        WHERE sage_account_id = $1 AND transaction_id < $2 AND transaction_id = $4
          AND NOT EXISTS (SELECT 1 FROM originals)
       UNION
       SELECT transaction_id FROM sage_transactions
        WHERE sage_account_id = $1 AND transaction_id < $2 AND correction_action IS NOT NULL
          AND md5(body ->> 'correctionId') = md5($3) AND body ->> 'correctionId' = $3
     )
     UPDATE sage_transactions t SET corrected_by = $2 FROM corrected c
      WHERE t.sage_account_id = $1 AND t.transaction_id = c.transaction_id AND t.corrected_by IS NULL
     RETURNING t.correction_action AS action`,
    [sageAccountId, transactionId, corrects, idIn(corrects)],
  );
  return rows;
}

const idPattern = /^[1-9]\d{0,15}$/;

function idIn(corrects: string): number | null {
  return idPattern.test(corrects) ? Number(corrects) : null;
}
