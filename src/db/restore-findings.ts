import { lostDataAlertMs, otherDatabaseAlertMs, type AlertCode } from '../domain/alerts.js';
import type { AcknowledgedAlert, AlertCondition } from './channel.js';
import type { Queryable } from './pool.js';

/** What was lost with PostgreSQL's or Temporal's data, or may be, and that the two do not belong together: alerts. */

export type FindingCode = Extract<
  AlertCode,
  | 'temporal_data_lost'
  | 'temporal_of_other_database'
  | 'database_restored'
  | 'workflow_without_row'
  | 'decision_possibly_lost'
>;

export interface Finding {
  readonly code: FindingCode;
  readonly subject: string;
  readonly feedId?: string;
  readonly connectionId?: string;
  readonly customerId?: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Records a finding. The same one again is one alert, and a new alert when the earlier one was acknowledged. */
export async function raiseFinding(db: Queryable, finding: Finding): Promise<void> {
  await db.query(
    `INSERT INTO restore_findings AS f (code, subject, feed_id, connection_id, customer_id, detail)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (code, subject) DO UPDATE
        SET detail = EXCLUDED.detail, found_at = now(), acknowledged_at = NULL,
            first_found_at = CASE WHEN f.acknowledged_at IS NULL THEN f.first_found_at ELSE now() END`,
    [
      finding.code,
      finding.subject,
      finding.feedId ?? null,
      finding.connectionId ?? null,
      finding.customerId ?? null,
      JSON.stringify(finding.detail),
    ],
  );
}

const columns = `subject, feed_id, connection_id, customer_id, detail`;

/** Alerts of the service, which belong to no channel. */
export const restoreAlertConditions: readonly AlertCondition[] = [
  passing('temporal_data_lost', lostDataAlertMs),
  passing('temporal_of_other_database', otherDatabaseAlertMs),
  acknowledged('database_restored'),
  acknowledged('workflow_without_row'),
  acknowledged('decision_possibly_lost'),
];

/** Ends by itself when it was not found again for `lastsMs`. */
function passing(code: FindingCode, lastsMs: number): AlertCondition {
  return {
    code,
    takesInterval: false,
    sql: `SELECT ${columns} FROM restore_findings
           WHERE code = '${code}' AND found_at > now() - interval '${String(lastsMs)} milliseconds'`,
  };
}

function acknowledged(code: FindingCode): AlertCondition {
  return {
    code,
    takesInterval: false,
    sql: `SELECT ${columns} FROM restore_findings WHERE code = '${code}' AND acknowledged_at IS NULL`,
    acknowledge: async (db: Queryable, { subject, lastAt }: AcknowledgedAlert) => {
      // One that was found again since is reported by a new alert.
      await db.query(
        `UPDATE restore_findings SET acknowledged_at = now() WHERE code = $1 AND subject = $2 AND found_at <= $3`,
        [code, subject, lastAt],
      );
    },
  };
}
