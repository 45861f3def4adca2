import type { SageReprocessState } from '../../domain/sage-banking/states.js';
import { sageReprocessLimits, type SageReprocessReason } from '../../domain/sage-banking/reprocess.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { inForce } from './corrections.js';
import { writeTimeline } from '../timeline.js';

/**
 * A run of the account's rules over stored transactions (contract 10). The route that Sage is polled at is sealed for
 * `{table: 'sage_reprocesses', row: reprocessId}`. What its workflow writes is in `reprocess-progress.ts`.
 */
export interface SageReprocessRow {
  readonly reprocessId: string;
  readonly sageAccountId: string;
  readonly customerId: string;
  /** Null: every pending one up to `lastId`. */
  readonly transactionIds: readonly number[] | null;
  readonly lastId: number;
  readonly state: SageReprocessState;
  readonly total: number;
  readonly doneUpTo: number;
  readonly doneCount: number;
  /** The first of the ids that we or Sage do not have, or whose object is too large to read. */
  readonly leftOut: readonly number[];
  readonly leftOutCount: number;
  /** The chunk under way. */
  readonly chunkIds: readonly number[] | null;
  /** Ids that the next chunk may have after an answer that was too large to read; null: as many as Sage takes. */
  readonly chunkMax: number | null;
  readonly pollRouteSealed: string | null;
  readonly pollPeriodMs: number | null;
  readonly chunkFailures: number;
  readonly reason: SageReprocessReason | null;
  readonly message: string | null;
  readonly createdAt: string;
  readonly finishedAt: string | null;
  /** Since it was asked for, and since Sage took the chunk, by the database's clock. */
  readonly ageMs: number;
  readonly chunkAgeMs: number | null;
}

type RawReprocess = Omit<
  SageReprocessRow,
  'transactionIds' | 'lastId' | 'doneUpTo' | 'leftOut' | 'chunkIds'
> & {
  readonly transactionIds: readonly string[] | null;
  readonly lastId: string;
  readonly doneUpTo: string;
  readonly leftOut: readonly string[];
  readonly chunkIds: readonly string[] | null;
};

const columns = `reprocess_id AS "reprocessId", sage_account_id AS "sageAccountId", customer_id AS "customerId",
  transaction_ids AS "transactionIds", last_id AS "lastId", state, total, done_up_to AS "doneUpTo",
  done_count AS "doneCount", left_out AS "leftOut", left_out_count AS "leftOutCount", chunk_ids AS "chunkIds",
  chunk_max AS "chunkMax", poll_route_sealed AS "pollRouteSealed", poll_period_ms AS "pollPeriodMs",
  chunk_failures AS "chunkFailures", reason, message, created_at AS "createdAt", finished_at AS "finishedAt",
  (extract(epoch FROM clock_timestamp() - created_at) * 1000)::float8 AS "ageMs",
  (extract(epoch FROM clock_timestamp() - chunk_began_at) * 1000)::float8 AS "chunkAgeMs"`;

/**
 * Named assumption: a stored transaction is pending when nothing had been done with it, that is when it came without
 * postings (contract 7.3: nothing else shows it, and Sage does not report what a product does later).
 * An index has the same condition.
 */
export const pendingTransaction = `CASE jsonb_typeof(body -> 'accountsPostings')
  WHEN 'array' THEN jsonb_array_length(body -> 'accountsPostings') = 0 ELSE true END`;

/** Sage's ids are whole numbers that JSON carries, so they fit a number. */
function reprocessFrom(raw: RawReprocess): SageReprocessRow {
  return {
    ...raw,
    transactionIds: raw.transactionIds?.map(Number) ?? null,
    lastId: Number(raw.lastId),
    doneUpTo: Number(raw.doneUpTo),
    leftOut: raw.leftOut.map(Number),
    chunkIds: raw.chunkIds?.map(Number) ?? null,
  };
}

export type BegunSageReprocess =
  | { readonly outcome: 'begun'; readonly reprocess: SageReprocessRow }
  /** Another run of the account is under way: one at a time. */
  | { readonly outcome: 'running'; readonly reprocessId: string }
  /** None of the ids is stored. */
  | { readonly outcome: 'unknown_ids' };

interface Scope {
  readonly ids: readonly number[] | null;
  readonly lastId: number;
  readonly total: number;
  readonly unknown: readonly number[];
}

/** A run may end while the next is refused for it; then once more. */
const beginTriesMax = 3;

/**
 * Stores a run over the given ids, or over all pending ones; ids that are not stored are left out and reported. The same
 * `reprocessId` again returns the same run.
 */
export async function beginSageReprocess(
  pool: Pool,
  input: {
    reprocessId: string;
    sageAccountId: string;
    customerId: string;
    transactionIds: readonly number[] | null;
  },
): Promise<BegunSageReprocess> {
  for (let tries = 0; tries < beginTriesMax; tries += 1) {
    const known = await readSageReprocess(pool, input);
    if (known !== null) return { outcome: 'begun', reprocess: known };
    const running = await readRunningSageReprocess(pool, input);
    if (running !== null) return { outcome: 'running', reprocessId: running.reprocessId };
    const scope =
      input.transactionIds === null
        ? await pendingScope(pool, input)
        : await scopeOf(pool, { ...input, transactionIds: input.transactionIds });
    if (scope.total === 0 && scope.unknown.length > 0) return { outcome: 'unknown_ids' };
    const reprocess = await insertSageReprocess(pool, { ...input, scope });
    if (reprocess !== null) return { outcome: 'begun', reprocess };
  }
  throw new Error('a reprocess run could not be begun: others begin and end all the time');
}

async function insertSageReprocess(
  pool: Pool,
  input: { reprocessId: string; sageAccountId: string; customerId: string; scope: Scope },
): Promise<SageReprocessRow | null> {
  const { scope } = input;
  return await transaction(pool, async (db) => {
    const { rows } = await db.query<RawReprocess>(
      `INSERT INTO sage_reprocesses
         (reprocess_id, sage_account_id, customer_id, transaction_ids, last_id, total, left_out, left_out_count)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING ${columns}`,
      [
        input.reprocessId,
        input.sageAccountId,
        input.customerId,
        scope.ids,
        scope.lastId,
        scope.total,
        scope.unknown.slice(0, sageReprocessLimits.leftOutListMax),
        scope.unknown.length,
      ],
    );
    if (rows[0] === undefined) return null;
    await writeTimeline(db, {
      kind: 'sage_reprocess_begun',
      feedId: input.sageAccountId,
      customerId: input.customerId,
      detail: {
        reprocess_id: input.reprocessId,
        total: scope.total,
        ...(scope.unknown.length === 0 ? {} : { left_out: scope.unknown.length }),
      },
    });
    return reprocessFrom(rows[0]);
  });
}

async function pendingScope(db: Queryable, input: { sageAccountId: string }): Promise<Scope> {
  const { rows } = await db.query<{ total: number; last: string | null }>(
    `SELECT count(*)::int AS total, max(transaction_id) AS last FROM sage_transactions
      WHERE sage_account_id = $1 AND ${pendingTransaction} AND ${inForce}`,
    [input.sageAccountId],
  );
  return { ids: null, lastId: Number(rows[0]?.last ?? 0), total: rows[0]?.total ?? 0, unknown: [] };
}

async function scopeOf(
  db: Queryable,
  input: { sageAccountId: string; transactionIds: readonly number[] },
): Promise<Scope> {
  const wanted = [...new Set(input.transactionIds)].sort((one, other) => one - other);
  const { rows } = await db.query<{ id: string }>(
    `SELECT transaction_id AS id FROM sage_transactions
      WHERE sage_account_id = $1 AND transaction_id = ANY ($2::bigint[]) ORDER BY transaction_id`,
    [input.sageAccountId, wanted],
  );
  const ids = rows.map((row) => Number(row.id));
  const stored = new Set(ids);
  const unknown = wanted.filter((id) => !stored.has(id));
  return { ids, lastId: ids.at(-1) ?? 0, total: ids.length, unknown };
}

/** The run, or null when there is none. */
export async function readSageReprocess(
  db: Queryable,
  input: { reprocessId: string },
): Promise<SageReprocessRow | null> {
  const { rows } = await db.query<RawReprocess>(
    `SELECT ${columns} FROM sage_reprocesses WHERE reprocess_id = $1`,
    [input.reprocessId],
  );
  return rows[0] === undefined ? null : reprocessFrom(rows[0]);
}

/** The run, locked until the transaction ends; null when there is none. */
export async function lockSageReprocess(
  db: Queryable,
  input: { reprocessId: string },
): Promise<SageReprocessRow | null> {
  const { rows } = await db.query<RawReprocess>(
    `SELECT ${columns} FROM sage_reprocesses WHERE reprocess_id = $1 FOR UPDATE`,
    [input.reprocessId],
  );
  return rows[0] === undefined ? null : reprocessFrom(rows[0]);
}

/** The account's run that is under way, or null. */
export async function readRunningSageReprocess(
  db: Queryable,
  input: { sageAccountId: string },
): Promise<SageReprocessRow | null> {
  const { rows } = await db.query<RawReprocess>(
    `SELECT ${columns} FROM sage_reprocesses WHERE sage_account_id = $1 AND state = 'running'`,
    [input.sageAccountId],
  );
  return rows[0] === undefined ? null : reprocessFrom(rows[0]);
}

/** For the repair job: runs under way with a larger id than `afterId`, in the order of their ids. */
export async function listReprocessesToCheck(
  db: Queryable,
  input: { afterId: string | null; limit: number },
): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT reprocess_id AS id FROM sage_reprocesses
      WHERE state = 'running' AND ($1::uuid IS NULL OR reprocess_id > $1) ORDER BY reprocess_id LIMIT $2`,
    [input.afterId, input.limit],
  );
  return rows.map((row) => row.id);
}
