import {
  alertCodes,
  countOfAlert,
  massAlertCodes,
  runbookOfAlert,
  severityOfAlert,
  sinceOfAlert,
  type AlertCode,
  type AlertSeverity,
} from '../domain/alerts.js';
import { rewrittenMax } from './alerts.js';
import { transaction, type Pool } from './pool.js';

/** The reported fields of an alert: codes and ids, no free text. */
export interface AlertRow {
  readonly alertId: string;
  readonly code: AlertCode;
  readonly severity: AlertSeverity;
  readonly since: string;
  readonly count: number;
  readonly runbook: string;
  readonly feedId: string | null;
  readonly connectionId: string | null;
  readonly customerId: string | null;
}

/** Log lines of one review, for codes that are reported one by one. */
const announcedMax = 1_000;
/** More alerts of a mass code than this are reported in one line; the rows name their subjects. */
const linesOfCodeMax = 100;

/** How many alerts of a code began or ended. */
export type ManyAlerts = Pick<AlertRow, 'code' | 'severity' | 'runbook' | 'count'>;

/** How alerts are reported. */
export interface AlertReporter {
  readonly raised: (alert: AlertRow) => void;
  readonly ended: (alert: AlertRow) => void;
  /** Too many of one code to report them one by one. */
  readonly manyRaised: (many: ManyAlerts) => void;
  readonly manyEnded: (many: ManyAlerts) => void;
}

interface Reporting {
  readonly column: string;
  readonly which: string;
  readonly one: AlertReporter['raised'];
  readonly many: AlertReporter['manyRaised'];
}

/**
 * Reports each alert that began or ended and was not reported yet: those that no other signal shows first, by code and then by
 * id, and of the codes that an outage raises by the thousand one sum each.
 */
export async function announceAlerts(
  pool: Pool,
  reporter: AlertReporter,
): Promise<{ raised: number; ended: number }> {
  const raised = { column: 'announced_at', which: 'true', one: reporter.raised, many: reporter.manyRaised };
  const ended = {
    column: 'end_announced_at',
    which: 'ended_at IS NOT NULL AND announced_at IS NOT NULL',
    one: reporter.ended,
    many: reporter.manyEnded,
  };
  return { raised: await announce(pool, raised), ended: await announce(pool, ended) };
}

async function announce(pool: Pool, reporting: Reporting): Promise<number> {
  let reported = await announceEach(
    pool,
    reporting,
    alertCodes.filter((code) => !massAlertCodes.has(code)),
  );
  for (const code of massAlertCodes) reported += await announceMany(pool, reporting, code);
  return reported + (await announceEach(pool, reporting, [...massAlertCodes]));
}

type ReportedRow = Omit<AlertRow, 'severity' | 'since' | 'count' | 'runbook'> & {
  readonly detail: Readonly<Record<string, unknown>>;
  readonly raisedAt: string;
};

function alertOf(row: ReportedRow): AlertRow {
  const { alertId, code, feedId, connectionId, customerId } = row;
  const facts = { since: sinceOfAlert(row), count: countOfAlert(row) };
  return { alertId, ...linkedTo(code), ...facts, feedId, connectionId, customerId };
}

function linkedTo(code: AlertCode): Pick<AlertRow, 'code' | 'severity' | 'runbook'> {
  return { code, severity: severityOfAlert[code], runbook: runbookOfAlert(code) };
}

async function announceEach(pool: Pool, input: Reporting, codes: readonly AlertCode[]): Promise<number> {
  return await transaction(pool, async (db) => {
    const { rows } = await db.query<ReportedRow>(
      `WITH reported AS (
         UPDATE alerts SET ${input.column} = now() WHERE alert_id IN (
           SELECT alert_id FROM alerts WHERE ${input.column} IS NULL AND ${input.which} AND code = ANY ($1::text[])
            ORDER BY array_position($1::text[], code), alert_id LIMIT ${announcedMax} FOR UPDATE SKIP LOCKED)
         RETURNING alert_id, code, feed_id, connection_id, customer_id, detail, raised_at
       )
       SELECT alert_id AS "alertId", code, feed_id AS "feedId", connection_id AS "connectionId",
              customer_id AS "customerId", detail, raised_at AS "raisedAt"
         FROM reported ORDER BY array_position($1::text[], code), alert_id`,
      [codes],
    );
    for (const row of rows) input.one(alertOf(row));
    return rows.length;
  });
}

/** With more than {@link linesOfCodeMax} of a code to report: one line for all. */
async function announceMany(pool: Pool, input: Reporting, code: AlertCode): Promise<number> {
  return await transaction(pool, async (db) => {
    const { rows } = await db.query<{ count: number }>(
      `WITH due AS MATERIALIZED (
         SELECT alert_id FROM alerts WHERE ${input.column} IS NULL AND ${input.which} AND code = $1
          LIMIT ${rewrittenMax} FOR UPDATE SKIP LOCKED
       ), reported AS (
         UPDATE alerts SET ${input.column} = now() WHERE alert_id IN (SELECT alert_id FROM due)
            AND (SELECT count(*) FROM due) > ${linesOfCodeMax} RETURNING 1
       )
       SELECT count(*)::int AS count FROM reported`,
      [code],
    );
    const count = rows[0]?.count ?? 0;
    if (count > 0) input.many({ ...linkedTo(code), count });
    return count;
  });
}
