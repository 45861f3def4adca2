import type { Queryable } from '../pool.js';

/** A provider repeats a webhook for minutes, not months. */
const keptDays = 30;
const deletedAtOnceMax = 5_000;

/**
 * Records that a webhook was received, by the hash of its body: the body holds a live token and is never stored. Answers
 * whether it is the first time.
 */
export async function recordWebhook(
  db: Queryable,
  input: { bodyHash: string; type: string; code: string },
): Promise<{ first: boolean }> {
  const { rows } = await db.query<{ times: number }>(
    `INSERT INTO webhooks (body_hash, type, code) VALUES ($1, $2, $3)
     ON CONFLICT (body_hash) DO UPDATE SET times = webhooks.times + 1 RETURNING times`,
    [input.bodyHash, input.type, input.code],
  );
  return { first: rows[0]?.times === 1 };
}

/** Deletes some webhooks past their time; answers how many. */
export async function deleteOldWebhooks(db: Queryable): Promise<number> {
  const { rowCount } = await db.query(
    `DELETE FROM webhooks WHERE body_hash IN (
       SELECT body_hash FROM webhooks WHERE received_at < now() - make_interval(days => ${keptDays})
        LIMIT ${deletedAtOnceMax})`,
  );
  return rowCount ?? 0;
}

/** Our id of the connection that a webhook names by Rutter's id; null when we do not have it. */
export async function connectionOfWebhook(
  db: Queryable,
  input: { rutterConnectionId: string },
): Promise<string | null> {
  const { rows } = await db.query<{ connection_id: string }>(
    `SELECT connection_id FROM connections WHERE rutter_connection_id = $1`,
    [input.rutterConnectionId],
  );
  return rows[0]?.connection_id ?? null;
}
