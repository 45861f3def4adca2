import { deliveryLimits } from '../../domain/rutter/delivery-limits.js';
import type { BlockReason } from '../../domain/rutter/feed.js';
import {
  isQuarantined,
  planAfterFirstRefusal,
  planAfterRefusal,
  planAfterRefusedAlone,
  stopText,
  type BisectionPlan,
  type PlanStep,
  type StopReason,
} from '../../domain/rutter/bisection-plan.js';
import { closeBatch, giveBackPostings, type HeldBatch, type StoredRefusal } from './batches.js';
import { writeReason } from './feed-facts.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { endBisection, lockBisectionPlan, undoRefusedAlone, writeBisectionPlan } from './bisection-plans.js';
import { writeTimeline } from '../timeline.js';

export interface RefusedBatchInput extends HeldBatch {
  readonly refusal: StoredRefusal;
  /** The refusal for display: status, code, message. */
  readonly message: string;
  /** The reason that blocks the feed when the batch is given up. */
  readonly blockReason: BlockReason;
}

/**
 * - `split`: its postings are ready again and are sent in smaller batches.
 * - `set_aside`: its one posting is quarantined, or suspected until another one of its batch is accepted.
 * - `stopped`: the batch is given up; what of it is undecided is ready again and the feed is blocked.
 * - `lock_lost`: nothing was changed.
 */
export type RefusedBatchOutcome = 'split' | 'set_aside' | 'stopped' | 'lock_lost';

/** The request was too large (contract 8.2): smaller ones may pass. */
const tooLargeStatus = 413;

/**
 * Closes a batch whose postings were refused, in one transaction with what follows from it. A posting is quarantined
 * only when it was refused alone and, if it came out of a batch of more than one, another one of that batch was accepted.
 */
export async function closeRefusedBatch(
  pool: Pool,
  input: RefusedBatchInput & { readonly hint: string | null },
): Promise<RefusedBatchOutcome> {
  const { feedId, size } = input.batch;
  return await transaction(pool, async (db) => {
    if (!(await closeBatch(db, { ...input, state: 'refused' }))) return 'lock_lost';
    const plan = await lockBisectionPlan(db, { feedId });
    if (size > 1) return await split(db, input, plan);
    return plan === null ? await setAsideBatchOfOne(db, input) : await setAside(db, input, plan);
  });
}

async function split(
  db: Queryable,
  input: RefusedBatchInput & { readonly hint: string | null },
  plan: BisectionPlan | null,
): Promise<'split' | 'stopped'> {
  const { batch, hint } = input;
  const { feedId, size } = batch;
  const refused = { size, hint, tooLarge: input.refusal.httpStatus === tooLargeStatus };
  const step =
    plan === null
      ? planStep(planAfterFirstRefusal({ ...refused, sequenceMax: await readSequenceMax(db, input) }))
      : planAfterRefusal(plan, refused);
  await giveBackPostings(db, input);
  if (step.kind === 'stop') return await stop(db, input, { refused: [], why: step.why });
  await writeBisectionPlan(db, { feedId, plan: step.kind === 'continue' ? step.plan : null });
  return 'split';
}

function planStep(plan: BisectionPlan): PlanStep {
  return { kind: 'continue', plan };
}

/** The last posting that had arrived when the batch was built. */
async function readSequenceMax(db: Queryable, { batch }: RefusedBatchInput): Promise<string | null> {
  const { rows } = await db.query<{ sequence: string | null }>(
    `SELECT greatest(least(f.examined_sequence, f.examined_by_day_sequence), max(p.sequence)) AS sequence
       FROM ledger l JOIN feeds f USING (feed_id)
       JOIN postings p ON p.account_id = f.account_id AND p.transaction_id = l.transaction_id
      WHERE l.batch_id = $1 GROUP BY f.feed_id`,
    [batch.batchId],
  );
  return rows[0]?.sequence ?? null;
}

/** A part of one of a refused batch. The cursor stays behind the posting, whose ledger row stays: no later batch contains it. */
async function setAside(
  db: Queryable,
  input: RefusedBatchInput,
  plan: BisectionPlan,
): Promise<'set_aside' | 'stopped'> {
  const { feedId } = input.batch;
  const transactionId = await readOnlyPosting(db, input);
  const step = planAfterRefusedAlone(plan, { transactionId });
  const sure = isQuarantined(plan, step);
  await markRefusedAlone(db, input, sure ? 'quarantined' : 'suspected');
  if (sure) await recordQuarantined(db, input, transactionId);
  if (step.kind === 'stop') return await stop(db, input, { refused: [], why: step.why });
  await writeBisectionPlan(db, { feedId, plan: step.kind === 'continue' ? step.plan : null });
  return 'set_aside';
}

/** A batch of one has no other posting that could be accepted: it is quarantined, unless it is one of several in a row. */
async function setAsideBatchOfOne(db: Queryable, input: RefusedBatchInput): Promise<'set_aside' | 'stopped'> {
  const { feedId } = input.batch;
  await markRefusedAlone(db, input, 'quarantined');
  const run = await readRefusedRun(db, { feedId, errorCode: input.refusal.errorCode });
  if (run.alike >= deliveryLimits.refusedAloneMax) {
    const refused = await undoRefusedAlone(db, { feedId, afterBatch: run.afterBatch });
    return await stop(db, input, { refused, why: 'nothing_accepted' });
  }
  await recordQuarantined(db, input, await readOnlyPosting(db, input));
  return 'set_aside';
}

async function readOnlyPosting(db: Queryable, { batch }: RefusedBatchInput): Promise<string> {
  const { rows } = await db.query<{ transaction_id: string }>(
    `SELECT transaction_id FROM ledger WHERE batch_id = $1`,
    [batch.batchId],
  );
  return rows[0]?.transaction_id ?? '';
}

async function markRefusedAlone(
  db: Queryable,
  input: RefusedBatchInput,
  exception: 'quarantined' | 'suspected',
): Promise<void> {
  await db.query(`UPDATE ledger SET exception = $2, detail = $3 WHERE batch_id = $1`, [
    input.batch.batchId,
    exception,
    input.message,
  ]);
}

/** `refused`: postings that were refused alone and are ready again; a person may have to decide on them. */
async function stop(
  db: Queryable,
  input: RefusedBatchInput,
  ending: { readonly refused: readonly string[]; readonly why: StopReason },
): Promise<'stopped'> {
  const { feedId } = input.batch;
  const given = [...ending.refused, ...(await endBisection(db, { feedId }))];
  const text = stopText(ending.why);
  await writeReason(db, {
    feedId,
    reason: input.blockReason,
    detail: text === null ? input.message : `${text}; the last refusal: ${input.message}`,
    timeline: true,
    about: { transaction_ids: given.slice(0, deliveryLimits.refusedNamedMax) },
  });
  return 'stopped';
}

/**
 * Batches of one posting refused with this code, one after the other: since the last accepted batch and the last refusal
 * of one posting with another code. Only those whose posting is still set aside.
 */
async function readRefusedRun(
  db: Queryable,
  input: { feedId: string; errorCode: string | null },
): Promise<{ alike: number; afterBatch: number }> {
  const { rows } = await db.query<{ alike: number; after_batch: number }>(
    `WITH of_one AS (
       SELECT b.number, a.error_code IS NOT DISTINCT FROM $2 AS is_alike
         FROM ledger l JOIN batches b USING (batch_id) JOIN attempts a USING (batch_id)
        WHERE l.feed_id = $1 AND l.exception = 'quarantined' AND b.state = 'refused' AND NOT b.bisected
          AND a.number = (SELECT max(number) FROM attempts last WHERE last.batch_id = b.batch_id)
     ), before AS (
       SELECT greatest((SELECT max(number) FROM batches WHERE feed_id = $1 AND state = 'delivered'),
                       (SELECT max(number) FROM of_one WHERE NOT is_alike), 0) AS number
     )
     SELECT before.number AS after_batch,
            (SELECT count(*)::int FROM of_one WHERE is_alike AND of_one.number > before.number) AS alike
       FROM before`,
    [input.feedId, input.errorCode],
  );
  return { alike: rows[0]?.alike ?? 0, afterBatch: rows[0]?.after_batch ?? 0 };
}

async function recordQuarantined(
  db: Queryable,
  input: RefusedBatchInput,
  transactionId: string,
): Promise<void> {
  const { rows } = await db.query<{ customer_id: string; connection_id: string }>(
    `SELECT customer_id, connection_id FROM feeds WHERE feed_id = $1`,
    [input.batch.feedId],
  );
  await writeTimeline(db, {
    kind: 'posting_quarantined',
    customerId: rows[0]?.customer_id ?? null,
    connectionId: rows[0]?.connection_id ?? null,
    feedId: input.batch.feedId,
    detail: { transaction_id: transactionId, code: input.refusal.errorCode },
  });
}
