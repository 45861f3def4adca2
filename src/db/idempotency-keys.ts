import type { Queryable } from './pool.js';

/** How long an answer is kept; afterwards the key may be used for another request. */
const keptHours = 24;
/**
 * A call that has not answered after this time was lost with its process (no call takes as long). Every POST is safe to
 * repeat by itself, so the next caller may do it again.
 */
const abandonedSeconds = 180;
const deletedAtOnceMax = 5_000;

export type BegunRequest =
  /** `startedAt` is the same for all who do this request: what is derived from it (ids) is the same too. */
  | { readonly kind: 'begun'; readonly startedAt: string }
  | { readonly kind: 'running' }
  | { readonly kind: 'other_request' }
  | ({ readonly kind: 'answered' } & KeptAnswer);

/** An answer as it is kept. */
export interface KeptAnswer {
  readonly status: number;
  readonly response: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

interface KeyInput {
  readonly role: string;
  readonly key: string;
}

/** Takes the key for a request, known by the hash of its method, path and body; or returns why it cannot be taken. */
export async function beginRequest(
  db: Queryable,
  input: KeyInput & { requestHash: string },
): Promise<BegunRequest> {
  const taken = await db.query<{ created_at: string }>(
    `INSERT INTO idempotency_keys (role, key, request_hash) VALUES ($1, $2, $3)
     ON CONFLICT (role, key) DO UPDATE
        SET request_hash = excluded.request_hash, status = NULL, response = NULL, headers = NULL, created_at = now()
      WHERE idempotency_keys.created_at < now() - make_interval(hours => ${keptHours})
     RETURNING created_at`,
    [input.role, input.key, input.requestHash],
  );
  if (taken.rows[0] !== undefined) return { kind: 'begun', startedAt: taken.rows[0].created_at };
  const { rows } = await db.query<{
    request_hash: string;
    status: number | null;
    response: unknown;
    headers: Readonly<Record<string, string>> | null;
    created_at: string;
    abandoned: boolean;
  }>(
    `SELECT request_hash, status, response, headers, created_at,
            created_at < now() - make_interval(secs => ${abandonedSeconds}) AS abandoned
       FROM idempotency_keys WHERE role = $1 AND key = $2`,
    [input.role, input.key],
  );
  const row = rows[0];
  // It was released between the two statements.
  if (row === undefined) return { kind: 'running' };
  if (row.request_hash !== input.requestHash) return { kind: 'other_request' };
  if (row.status !== null) {
    return { kind: 'answered', status: row.status, response: row.response, headers: row.headers ?? {} };
  }
  return row.abandoned ? { kind: 'begun', startedAt: row.created_at } : { kind: 'running' };
}

/** Keeps the answer for the next call under this key. Call it before the answer is sent. */
export async function keepAnswer(db: Queryable, input: KeyInput & KeptAnswer): Promise<void> {
  await db.query(
    `UPDATE idempotency_keys SET status = $3, response = $4, headers = $5
      WHERE role = $1 AND key = $2 AND status IS NULL`,
    [input.role, input.key, input.status, JSON.stringify(input.response), JSON.stringify(input.headers)],
  );
}

/** Releases the key: the call had no answer to store. */
export async function forgetRequest(db: Queryable, input: KeyInput): Promise<void> {
  await db.query(`DELETE FROM idempotency_keys WHERE role = $1 AND key = $2 AND status IS NULL`, [
    input.role,
    input.key,
  ]);
}

/** Deletes some keys past their time; answers how many. */
export async function deleteExpiredKeys(db: Queryable): Promise<number> {
  const { rowCount } = await db.query(
    `DELETE FROM idempotency_keys WHERE (role, key) IN (
       SELECT role, key FROM idempotency_keys WHERE created_at < now() - make_interval(hours => ${keptHours})
        LIMIT ${deletedAtOnceMax})`,
  );
  return rowCount ?? 0;
}
