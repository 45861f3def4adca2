import type { AlertCode } from '../domain/alerts.js';
import { alertConditions } from './alert-conditions.js';
import { transaction, type Pool, type Queryable } from './pool.js';
import { beginSweep } from './sweeps.js';

/** What is told of an alert: codes and ids, no text of anybody. */
export interface AlertRow {
  readonly alertId: string;
  readonly code: AlertCode;
  readonly feedId: string | null;
  readonly connectionId: string | null;
  readonly customerId: string | null;
}

/** New alerts of one code in one review; what is left follows with the next. */
const raisedMax = 10_000;
/** Log lines of one review. */
const announcedMax = 1_000;
/** An alert that stands is written again only when its detail changed, or to say that it still stands. */
const confirmEvery = `interval '10 minutes'`;

/**
 * Raises an alert for every condition that holds and has none, and ends those whose condition is over, one code after
 * the other, in one transaction; reviews wait for each other.
 */
export async function reviewAlerts(pool: Pool, input: { feedSyncIntervalMs: number }): Promise<void> {
  await transaction(pool, async (db) => {
    await beginSweep(db, { name: 'alerts' });
    for (const { code, sql, takesInterval } of alertConditions) {
      await reviewCode(db, { code, sql, values: takesInterval ? [input.feedSyncIntervalMs] : [] });
    }
    await endFoundAgain(db);
  });
}

async function reviewCode(
  db: Queryable,
  input: { code: AlertCode; sql: string; values: readonly unknown[] },
): Promise<void> {
  await db.query(
    `WITH found AS MATERIALIZED (${input.sql}),
     standing AS (SELECT alert_id, subject, detail, last_at FROM alerts WHERE code = $1 AND ended_at IS NULL),
     ended AS (
       UPDATE alerts SET ended_at = now()
        WHERE alert_id IN (SELECT alert_id FROM standing WHERE subject NOT IN (SELECT subject FROM found))
     ), confirmed AS (
       UPDATE alerts a SET last_at = now(), detail = found.detail
         FROM standing s JOIN found USING (subject)
        WHERE a.alert_id = s.alert_id AND (s.detail <> found.detail OR s.last_at < now() - ${confirmEvery})
     )
     INSERT INTO alerts (code, subject, feed_id, connection_id, customer_id, detail)
     SELECT $1, subject, feed_id, connection_id, customer_id, detail FROM found
      WHERE subject NOT IN (SELECT subject FROM standing) ORDER BY subject LIMIT ${raisedMax}`,
    [input.code, ...input.values],
  );
}

/** A workflow that was missing is well when a whole round since has not found it missing again. */
async function endFoundAgain(db: Queryable): Promise<void> {
  await db.query(
    `UPDATE alerts a SET ended_at = now() FROM sweeps s
      WHERE a.code = 'workflow_missing' AND a.ended_at IS NULL AND a.last_at < s.whole_round_began_at
        AND s.name = CASE WHEN a.feed_id IS NULL THEN 'connections' ELSE 'feeds' END`,
  );
}

/** A feed, or a connection, whose workflow is gone. */
export interface MissingSubject {
  readonly subject: string;
  readonly feedId: string | null;
  readonly connectionId: string;
  readonly customerId: string;
}

/** Raises `workflow_missing`, once while it lasts, however often it is found. */
export async function raiseMissing(db: Queryable, missing: readonly MissingSubject[]): Promise<void> {
  if (missing.length === 0) return;
  await db.query(
    `INSERT INTO alerts (code, subject, feed_id, connection_id, customer_id)
     SELECT 'workflow_missing', * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[])
     ON CONFLICT (code, subject) WHERE ended_at IS NULL DO UPDATE SET last_at = now()`,
    [
      missing.map(({ subject }) => subject),
      missing.map(({ feedId }) => feedId),
      missing.map(({ connectionId }) => connectionId),
      missing.map(({ customerId }) => customerId),
    ],
  );
}

/** Hands each alert that began or ended, and was not told yet, to `raised` or `ended`, in the order of their ids. */
export async function announceAlerts(
  pool: Pool,
  tell: { raised: (alert: AlertRow) => void; ended: (alert: AlertRow) => void },
): Promise<{ raised: number; ended: number }> {
  const raised = await announce(pool, { column: 'announced_at', which: 'true', tell: tell.raised });
  const ended = await announce(pool, {
    column: 'end_announced_at',
    which: 'ended_at IS NOT NULL AND announced_at IS NOT NULL',
    tell: tell.ended,
  });
  return { raised, ended };
}

async function announce(
  pool: Pool,
  input: { column: string; which: string; tell: (alert: AlertRow) => void },
): Promise<number> {
  return await transaction(pool, async (db) => {
    const { rows } = await db.query<AlertRow>(
      `WITH told AS (
         UPDATE alerts SET ${input.column} = now() WHERE alert_id IN (
           SELECT alert_id FROM alerts WHERE ${input.column} IS NULL AND ${input.which}
            ORDER BY alert_id LIMIT ${announcedMax} FOR UPDATE SKIP LOCKED)
         RETURNING alert_id, code, feed_id, connection_id, customer_id
       )
       SELECT alert_id AS "alertId", code, feed_id AS "feedId", connection_id AS "connectionId",
              customer_id AS "customerId"
         FROM told ORDER BY alert_id`,
    );
    for (const alert of rows) input.tell(alert);
    return rows.length;
  });
}

/** How many alerts of each code stand now. */
export async function countAlerts(db: Queryable): Promise<Map<string, number>> {
  const { rows } = await db.query<{ code: string; count: number }>(
    `SELECT code, count(*)::int AS count FROM alerts WHERE ended_at IS NULL GROUP BY code`,
  );
  return new Map(rows.map((row) => [row.code, row.count]));
}
