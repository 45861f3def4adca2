import { serviceAlertCodes, type AlertCode } from '../domain/alerts.js';
import type { ServiceAlert } from '../domain/service-state.js';
import type { Queryable } from './pool.js';

/**
 * Raises an alert for each finding that lasts and has none, and ends those of which nothing was found. The API does it, since
 * without workers there is no repair job; any number of API processes at the same time. One that has just started does not
 * know yet what lasts, and ends nothing that it finds. Returns what began and ended now, by code and subject.
 */
export async function reviewServiceAlerts(
  db: Queryable,
  found: readonly (ServiceAlert & { readonly lasting: boolean })[],
): Promise<{ raised: readonly AlertKey[]; ended: readonly AlertKey[] }> {
  const { rows } = await db.query<AlertKey & { ended: boolean }>(
    `WITH found AS (
       SELECT * FROM unnest($2::text[], $3::text[], $4::jsonb[], $5::boolean[]) AS f (code, subject, detail, lasting)
     ), ended AS (
       UPDATE alerts a SET ended_at = now(), end_announced_at = now()
        WHERE a.code = ANY ($1::text[]) AND a.ended_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM found f WHERE f.code = a.code AND f.subject = a.subject)
       RETURNING code, subject
     ), raised AS (
       INSERT INTO alerts (code, subject, detail, announced_at)
       SELECT code, subject, detail, now() FROM found WHERE lasting
       ON CONFLICT (code, subject) WHERE ended_at IS NULL
       DO UPDATE SET last_at = now(), detail = excluded.detail
       RETURNING code, subject, xmax = 0 AS is_new
     )
     SELECT code, subject, true AS ended FROM ended
     UNION ALL SELECT code, subject, false FROM raised WHERE is_new`,
    [
      serviceAlertCodes,
      found.map(({ code }) => code),
      found.map(({ subject }) => subject),
      found.map(({ detail }) => JSON.stringify(detail)),
      found.map(({ lasting }) => lasting),
    ],
  );
  const keys = (ended: boolean) =>
    rows.filter((row) => row.ended === ended).map(({ code, subject }) => ({ code, subject }));
  return { raised: keys(false), ended: keys(true) };
}

export interface AlertKey {
  readonly code: AlertCode;
  readonly subject: string;
}
