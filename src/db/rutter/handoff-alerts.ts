import {
  customerFailuresAlertMs,
  customerFailuresMin,
  handoffFailuresAlertMs,
  handoffFailuresMin,
  serviceSubject,
} from '../../domain/alerts.js';
import { decidedHandoffReasons, generalHandoffReasons } from '../../domain/rutter/handoff-end.js';
import type { AlertCondition } from '../channel.js';
import { isoText, literals } from '../pool.js';

const ago = (ms: number) => `now() - interval '${String(ms)} milliseconds'`;
const ofService = `'${serviceSubject}'::text AS subject, NULL::uuid AS feed_id, NULL::uuid AS connection_id, NULL::text AS customer_id`;

/** Logins from Sage that fail: many of all customers, or again and again of one. Each reads the ends of a short time. */
export const handoffAlertConditions: readonly AlertCondition[] = [
  {
    code: 'handoffs_failing',
    takesInterval: false,
    // As many failures as successes at least: one customer who fails among hundreds who do not is the other alert.
    sql: `WITH recent AS MATERIALIZED (
            SELECT state, reason, ended_at FROM handoffs WHERE ended_at > ${ago(handoffFailuresAlertMs)}
          ), failed AS MATERIALIZED (
            SELECT reason, count(*) AS count FROM recent
             WHERE state IN ('refused', 'expired') AND reason IN (${literals(generalHandoffReasons)}) GROUP BY reason
          ), sized AS (
            SELECT coalesce(sum(count), 0)::int AS failed,
                   (SELECT count(*)::int FROM recent WHERE state = 'taken') AS completed FROM failed
          )
          SELECT ${ofService},
                 jsonb_build_object('count', s.failed, 'completed', s.completed,
                                    'reasons', (SELECT jsonb_object_agg(reason, count) FROM failed)) AS detail
            FROM sized s WHERE s.failed >= ${String(handoffFailuresMin)} AND s.failed >= s.completed`,
  },
  {
    code: 'login_links_refused',
    takesInterval: false,
    sql: `SELECT ${ofService},
                 jsonb_build_object('count', l.count, 'last_at', ${isoText('l.last_at')}) AS detail
            FROM (SELECT count(*)::int AS count, max(ended_at) AS last_at FROM handoffs
                   WHERE ended_at > ${ago(handoffFailuresAlertMs)} AND reason = 'link_refused'
                     AND error_code = 'redirect_foreign') l
           WHERE l.count >= ${String(handoffFailuresMin)}
             AND NOT EXISTS (SELECT 1 FROM handoffs WHERE first_seen_at > ${ago(handoffFailuresAlertMs)}
                                AND reason IS DISTINCT FROM 'link_refused')`,
  },
  {
    code: 'customer_cannot_connect',
    takesInterval: false,
    sql: `WITH recent AS MATERIALIZED (
            SELECT customer_id, state, reason, ended_at FROM handoffs
             WHERE ended_at > ${ago(customerFailuresAlertMs)} AND customer_id IS NOT NULL
          ), connected AS (
            SELECT customer_id, max(ended_at) AS at FROM recent WHERE state = 'taken' GROUP BY customer_id
          )
          SELECT r.customer_id AS subject, NULL::uuid AS feed_id, NULL::uuid AS connection_id, r.customer_id,
                 jsonb_build_object('count', count(*), 'since', ${isoText('min(r.ended_at)')},
                                    'last_at', ${isoText('max(r.ended_at)')},
                                    'reasons', jsonb_agg(DISTINCT r.reason)) AS detail
            FROM recent r LEFT JOIN connected c USING (customer_id)
           WHERE r.state IN ('refused', 'expired') AND r.reason NOT IN (${literals(decidedHandoffReasons)})
             AND (c.at IS NULL OR r.ended_at > c.at)
           GROUP BY r.customer_id HAVING count(*) >= ${String(customerFailuresMin)}`,
  },
];
