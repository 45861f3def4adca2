import { alertCodes, type AlertCode } from '../domain/alerts.js';
import type { ChannelId } from '../domain/channel.js';
import type { AlertCondition, DbChannel, DbChannels } from './channel.js';
import { clockAlertConditions } from './clock-differences.js';
import { transaction, type Pool, type Queryable } from './pool.js';
import { lockRepairTask, markRepairRun } from './repair-tasks.js';
import { restoreAlertConditions } from './restore-findings.js';

/** New alerts of one code in one review; the rest follows with the next. */
const raisedMax = 10_000;
/** Alerts of one code that one review ends, and that it writes again: a statement stays far below its time limit. */
export const rewrittenMax = 50_000;
const keptDays = 90;
const deletedAtOnceMax = 5_000;
/** An open alert is written again only when its detail changed, or to confirm that its condition still holds. */
const confirmEvery = `interval '10 minutes'`;

/** A code that could not be reviewed, and why. */
export interface UnreviewedAlerts {
  readonly code: AlertCode;
  readonly error: unknown;
}

/**
 * Raises an alert for every condition that holds and has none, and ends those whose condition is over: each code in a
 * transaction of its own, so that one that fails delays none of the others. Reviews of a code wait for each other.
 * A channel that is not configured has one alert only: that work of it is open. Returns the codes that
 * failed; then the run of the repair job is not recorded, and its age keeps growing.
 */
export async function reviewAlerts(
  pool: Pool,
  channels: DbChannels,
  input: {
    feedSyncIntervalMs: number;
    configuredChannels: readonly ChannelId[];
    /** Those of the channels unless given. */
    conditions?: readonly AlertCondition[];
  },
): Promise<UnreviewedAlerts[]> {
  const failed: UnreviewedAlerts[] = [];
  const review = async (code: AlertCode, work: (db: Queryable) => Promise<void>): Promise<void> => {
    try {
      await transaction(pool, async (db) => {
        await lockRepairTask(db, { name: 'alerts' });
        await work(db);
      });
    } catch (error) {
      failed.push({ code, error });
    }
  };
  const conditions = input.conditions ?? conditionsOf(channels, input.configuredChannels);
  for (const code of alertCodes) {
    const ofCode = conditions.filter((condition) => condition.code === code);
    if (ofCode.length === 0) continue;
    const sql = ofCode
      .map((condition) => `SELECT ${alertColumns} FROM (${condition.sql}) q`)
      .join(' UNION ALL ');
    const values = ofCode.some(({ takesInterval }) => takesInterval) ? [input.feedSyncIntervalMs] : [];
    await review(code, (db) => reviewCode(db, { code, sql, values }));
  }
  await review('workflow_missing', (db) => endFoundAgain(db, channels));
  if (failed.length === 0) await markRepairRun(pool, { name: 'alerts' });
  return failed;
}

const alertColumns = 'subject, feed_id, connection_id, customer_id, detail';
/** A query of no row: the alerts of a code that no channel reviews now end. */
const noAlert = `SELECT NULL::text AS subject, NULL::uuid AS feed_id, NULL::uuid AS connection_id,
                        NULL::text AS customer_id, NULL::jsonb AS detail WHERE false`;

function conditionsOf(channels: DbChannels, configured: readonly ChannelId[]): AlertCondition[] {
  const ofChannels = Object.values(channels).flatMap((channel): AlertCondition[] => {
    const isConfigured = configured.includes(channel.id);
    return [
      {
        code: 'channel_not_configured',
        takesInterval: false,
        sql: isConfigured ? noAlert : openWork(channel),
      },
      ...channel.alertConditions.map((condition) =>
        isConfigured ? condition : { ...condition, takesInterval: false, sql: noAlert },
      ),
    ];
  });
  return [...restoreAlertConditions, ...clockAlertConditions, ...ofChannels];
}

function openWork({ id, openWorkSql }: DbChannel): string {
  return `SELECT '${id}'::text AS subject, NULL::uuid AS feed_id, NULL::uuid AS connection_id,
                 NULL::text AS customer_id, jsonb_build_object('channel', '${id}', 'open', o.open, 'count', o.open) AS detail
            FROM (SELECT (${openWorkSql}) AS open) o WHERE o.open > 0`;
}

/**
 * A full join is done by hashing or by merging, never row by row: however wrong the planner's guesses are in the first
 * minutes of an outage, when no statistics know of it yet, the time grows with the rows and not with their square. An
 * alert that was acknowledged since the statement began stays as it was: the updates read it again under its lock.
 */
async function reviewCode(
  db: Queryable,
  input: { code: AlertCode; sql: string; values: readonly unknown[] },
): Promise<void> {
  await db.query(
    `WITH found AS (${input.sql}),
     open_alerts AS (SELECT alert_id, subject, detail, last_at FROM alerts WHERE code = $1 AND ended_at IS NULL),
     compared AS MATERIALIZED (
       SELECT s.alert_id, f.subject, f.feed_id, f.connection_id, f.customer_id,
              f.detail
         FROM open_alerts s FULL JOIN found f ON f.subject = s.subject
        WHERE s.alert_id IS NULL OR f.subject IS NULL OR s.detail <> f.detail
           OR s.last_at < now() - ${confirmEvery}
     ), ended AS (
       UPDATE alerts SET ended_at = now() WHERE ended_at IS NULL AND alert_id IN (
         SELECT alert_id FROM compared WHERE subject IS NULL LIMIT ${rewrittenMax})
     ), confirmed AS (
       UPDATE alerts a SET last_at = now(), detail = c.detail FROM (
         SELECT alert_id, detail FROM compared WHERE alert_id IS NOT NULL AND subject IS NOT NULL
          LIMIT ${rewrittenMax}) c
        WHERE a.alert_id = c.alert_id AND a.ended_at IS NULL
     )
     INSERT INTO alerts (code, subject, feed_id, connection_id, customer_id, detail)
     SELECT $1, subject, feed_id, connection_id, customer_id, detail FROM compared
      WHERE alert_id IS NULL ORDER BY subject LIMIT ${raisedMax}`,
    [input.code, ...input.values],
  );
}

/** A workflow that was missing is there again when a whole round since has not found it missing. */
async function endFoundAgain(db: Queryable, channels: DbChannels): Promise<void> {
  const tasks = Object.values(channels).flatMap(({ missingWorkflows }) => missingWorkflows);
  const taskOfAlert = tasks.map(({ task, sql }) => `WHEN ${sql} THEN '${task}'`);
  await db.query(
    `UPDATE alerts a SET ended_at = now() FROM repair_tasks s
      WHERE a.code = 'workflow_missing' AND a.ended_at IS NULL AND a.last_at < s.whole_round_began_at
        AND s.name = CASE ${taskOfAlert.join(' ')} END`,
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
    `INSERT INTO alerts AS a (code, subject, feed_id, connection_id, customer_id, detail)
     SELECT 'workflow_missing', m.*, '{"count": 1}' FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[]) m
     ON CONFLICT (code, subject) WHERE ended_at IS NULL DO UPDATE
        SET last_at = now(), detail = jsonb_build_object('count', coalesce((a.detail ->> 'count')::int, 1) + 1)`,
    [
      missing.map(({ subject }) => subject),
      missing.map(({ feedId }) => feedId),
      missing.map(({ connectionId }) => connectionId),
      missing.map(({ customerId }) => customerId),
    ],
  );
}

/** Deletes some alerts that ended long ago; answers how many. */
export async function deleteOldAlerts(db: Queryable): Promise<number> {
  const { rowCount } = await db.query(
    `DELETE FROM alerts WHERE alert_id IN (
       SELECT alert_id FROM alerts WHERE ended_at < now() - make_interval(days => ${keptDays})
        LIMIT ${deletedAtOnceMax})`,
  );
  return rowCount ?? 0;
}

/** How many alerts of each code are open now. */
export async function countAlerts(db: Queryable): Promise<Map<string, number>> {
  const { rows } = await db.query<{ code: string; count: number }>(
    `SELECT code, count(*)::int AS count FROM alerts WHERE ended_at IS NULL GROUP BY code`,
  );
  return new Map(rows.map((row) => [row.code, row.count]));
}
