import { deliveryLimits } from '../../domain/rutter/delivery-limits.js';
import type { BlockReason } from '../../domain/rutter/feed.js';
import { planAfterRefusal, planAfterRefusedAlone } from '../../domain/rutter/bisection-plan.js';
import { closeBatch, giveBackPostings, type HeldBatch, type StoredRefusal } from './batches.js';
import { writeReason } from './feed-facts.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { endBisection, lockBisectionPlan, makeReady, writeBisectionPlan } from './bisection-plans.js';
import { writeTimeline } from '../timeline.js';

export interface RefusedBatchInput extends HeldBatch {
  readonly refusal: StoredRefusal;
  /** The refusal for display: status, code, message. */
  readonly message: string;
  /** The reason that blocks the feed when the postings are not the cause. */
  readonly blockReason: BlockReason;
}

/**
 * - `split`: its postings are ready again and are sent in smaller batches.
 * - `set_aside`: its one posting is quarantined, or suspected until another one of its batch is accepted.
 * - `stopped`: the postings are not the cause; all that was set aside is ready again and the feed is blocked.
 * - `lock_lost`: nothing was changed.
 */
export type RefusedBatchOutcome = 'split' | 'set_aside' | 'stopped' | 'lock_lost';

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
    if (size === 1) return await setAside(db, input);
    const plan = planAfterRefusal(await lockBisectionPlan(db, { feedId }), { size, hint: input.hint });
    await giveBackPostings(db, input);
    await writeBisectionPlan(db, { feedId, plan });
    return 'split';
  });
}

/** The cursor stays behind the posting, whose ledger row stays, so that no later batch contains it. */
async function setAside(db: Queryable, input: RefusedBatchInput): Promise<'set_aside' | 'stopped'> {
  const { feedId, batchId } = input.batch;
  const plan = await lockBisectionPlan(db, { feedId });
  const sure = plan === null || plan.accepted;
  const { rows } = await db.query<{ transaction_id: string }>(
    `UPDATE ledger SET exception = $2, detail = $3 WHERE batch_id = $1 RETURNING transaction_id`,
    [batchId, sure ? 'quarantined' : 'suspected', input.message],
  );
  const run = await readRefusedRun(db, { feedId, errorCode: input.refusal.errorCode });
  if (run.alike >= deliveryLimits.refusedAloneMax) {
    const { acceptedBatch: afterBatch } = run;
    const refused = await makeReady(db, { feedId, exceptions: ['suspected', 'quarantined'], afterBatch });
    return await stop(db, input, refused);
  }
  const next = plan === null ? null : planAfterRefusedAlone(plan);
  if (next === null && !sure) return await stop(db, input, []);
  if (plan !== null) await writeBisectionPlan(db, { feedId, plan: next });
  const transactionId = rows[0]?.transaction_id;
  if (sure && transactionId !== undefined) await recordQuarantined(db, input, transactionId);
  return 'set_aside';
}

/** `refused`: the postings that were refused alone and are ready again; a person may have to decide on them. */
async function stop(db: Queryable, input: RefusedBatchInput, refused: readonly string[]): Promise<'stopped'> {
  const { feedId } = input.batch;
  const given = [...refused, ...(await endBisection(db, { feedId }))];
  await writeReason(db, {
    feedId,
    reason: input.blockReason,
    detail: input.message,
    timeline: true,
    about: { transaction_ids: given.slice(0, deliveryLimits.refusedNamedMax) },
  });
  return 'stopped';
}

/** Postings refused alone since the feed's last accepted batch, if they are still set aside. */
async function readRefusedRun(
  db: Queryable,
  input: { feedId: string; errorCode: string | null },
): Promise<{ alike: number; acceptedBatch: number }> {
  const { rows } = await db.query<{ alike: number; accepted: number }>(
    `WITH accepted AS (
       SELECT coalesce(max(number), 0) AS number FROM batches WHERE feed_id = $1 AND state = 'delivered'
     )
     SELECT accepted.number AS accepted, (
       SELECT count(*)::int FROM ledger l JOIN batches b USING (batch_id) JOIN attempts a USING (batch_id)
        WHERE l.feed_id = $1 AND l.exception IN ('suspected', 'quarantined') AND b.state = 'refused'
          AND b.number > accepted.number
          AND a.number = (SELECT max(number) FROM attempts last WHERE last.batch_id = b.batch_id)
          AND a.error_code IS NOT DISTINCT FROM $2) AS alike
      FROM accepted`,
    [input.feedId, input.errorCode],
  );
  return { alike: rows[0]?.alike ?? 0, acceptedBatch: rows[0]?.accepted ?? 0 };
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
