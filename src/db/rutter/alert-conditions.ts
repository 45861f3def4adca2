import {
  disconnectedAlertMs,
  failurePersistsMs,
  neverChosenAlertMs,
  notPublishedAlertMs,
  notPublishedForgottenMs,
  reauthAlertMs,
  serviceSubject,
  startDateAlertMs,
} from '../../domain/alerts.js';
import { credentialsRejectedReason } from '../../domain/feed.js';
import { blockReasons, sendingStates, transientReasons } from '../../domain/rutter/feed.js';
import { isUndecidable } from './resolve-batch.js';
import type { AcknowledgedAlert, AlertCondition } from '../channel.js';
import { isoText, literals, type Queryable } from '../pool.js';
import { handoffAlertConditions } from './handoff-alerts.js';
import { ingestionAlertConditions } from './ingestion-alerts.js';

const ofFeed = `f.feed_id::text AS subject, f.feed_id, f.connection_id, f.customer_id`;
/** A refusal of our own credentials is one failure of the service, not one of each feed. */
const degradedSince = 'coalesce(f.degraded_since, f.reason_at)';
const failures = transientReasons.filter((reason) => reason !== credentialsRejectedReason);

/** Operators decide on postings of open feeds, and of those that closed with their account. */
const mayStillDecide = `(f.operator <> 'closed' OR f.closed_by = 'account')`;

/** Each reads an index that holds little more than the rows wanted. */
export const rutterAlertConditions: readonly AlertCondition[] = [
  {
    code: 'feed_blocked',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('reason', f.reason, 'since', ${isoText('f.reason_at')}) AS detail FROM feeds f
           WHERE f.reason IS NOT NULL AND f.reason IN (${literals(blockReasons)}) AND f.operator <> 'closed'`,
  },
  {
    code: 'feed_late',
    takesInterval: true,
    sql: `SELECT ${ofFeed}, jsonb_build_object('backfilling', f.caught_up_at IS NULL, 'reason', f.reason,
                 'last_synced_at', ${isoText('f.last_synced_at')},
                 'since', ${isoText('greatest(f.last_synced_at, f.sendable_since)')}) AS detail
            FROM feeds f
           WHERE f.state IN ('backfilling', 'syncing', 'live')
             AND greatest(f.last_synced_at, f.sendable_since) < now() - $2::float8 * interval '1 millisecond'`,
  },
  {
    code: 'failure_persists',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('reason', f.reason, 'cause', f.degraded_cause,
                 'since', ${isoText(degradedSince)}) AS detail FROM feeds f
           WHERE f.reason IS NOT NULL AND f.reason IN (${literals(failures)})
             AND f.state IN (${literals(sendingStates)})
             AND ${degradedSince} < now() - interval '${String(failurePersistsMs)} milliseconds'`,
  },
  {
    code: 'credentials_rejected',
    takesInterval: false,
    // Not read from the feeds: a paused feed keeps its reason, and a refusal that only handoffs met is in none.
    sql: `SELECT '${serviceSubject}'::text AS subject, NULL::uuid AS feed_id, NULL::uuid AS connection_id,
                 NULL::text AS customer_id,
                 jsonb_build_object('since', ${isoText('rejected_since')}) AS detail FROM rejected_credentials`,
  },
  {
    code: 'batch_undecided',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('batch', b.number, 'count', b.size, 'since', ${isoText('c.unlinked_at')}) AS detail
            FROM batches b JOIN feeds f USING (feed_id) JOIN connections c ON c.connection_id = f.connection_id
           WHERE ${isUndecidable}`,
  },
  {
    code: 'postings_quarantined',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('count', l.count) AS detail
            FROM (SELECT feed_id, count(*)::int AS count FROM ledger
                   WHERE exception IN ('quarantined', 'conflict') GROUP BY feed_id) l
            JOIN feeds f USING (feed_id) WHERE ${mayStillDecide}`,
  },
  {
    code: 'possible_duplicates',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('count', h.count) AS detail
            FROM (SELECT feed_id, count(*)::int AS count FROM posting_holds
                   WHERE state = 'held' AND hold_reason = 'possible_duplicate'
                   GROUP BY feed_id) h
            JOIN feeds f USING (feed_id) WHERE ${mayStillDecide}`,
  },
  {
    code: 'postings_altered',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('count', f.altered_count - f.altered_acknowledged_count,
                 'total', f.altered_count) AS detail
            FROM feeds f WHERE f.altered_count > f.altered_acknowledged_count AND f.operator <> 'closed'`,
    acknowledge: acknowledgeAltered,
  },
  ...ingestionAlertConditions,
  ...handoffAlertConditions,
  {
    code: 'account_not_published',
    takesInterval: false,
    // It ends when the account is published, closed or not to be published, the connection is gone, or after a week.
    sql: `SELECT p.connection_id::text || '/' || p.account_id AS subject, NULL::uuid AS feed_id, p.connection_id,
                 a.customer_id,
                 jsonb_build_object('account_id', p.account_id, 'reason', coalesce(p.refused_reason, 'not_published_yet'),
                                    'error_code', p.refused_code, 'since', ${isoText('p.since')}) AS detail
            FROM (SELECT *, refused_at AS since FROM publications WHERE refused_at IS NOT NULL
                  UNION ALL
                  SELECT *, later_since AS since FROM publications WHERE later_since IS NOT NULL AND refused_at IS NULL) p
            JOIN accounts a USING (account_id) JOIN connections c USING (connection_id)
           WHERE c.unlink_requested_at IS NULL AND p.since < ${before(notPublishedAlertMs)} AND p.since > ${before(notPublishedForgottenMs)}
             AND a.publishable AND (a.closed_on IS NULL OR a.closed_on >= current_date)
             AND NOT EXISTS (SELECT 1 FROM feeds f WHERE f.connection_id = p.connection_id
                                AND f.account_id = p.account_id AND f.operator <> 'closed')`,
  },
  {
    code: 'reauth_required',
    takesInterval: false,
    // One alert a connection, which is what a customer signs in to, whatever the number of its feeds.
    sql: ofConnection(
      `f.state = 'reauth_required' AND f.state_since < ${before(reauthAlertMs)}`,
      'f.state_since',
    ),
  },
  {
    code: 'waiting_for_start_date',
    takesInterval: false,
    sql: ofConnection(
      `f.state = 'awaiting_activation'
          AND (f.start_date_awaited_since < ${before(startDateAlertMs)}
               OR (f.state_since < ${before(neverChosenAlertMs)}
                   AND NOT EXISTS (SELECT 1 FROM feeds o WHERE o.connection_id = f.connection_id
                                      AND o.operator <> 'closed' AND o.account_status <> 'waiting')))`,
      'coalesce(f.start_date_awaited_since, f.state_since)',
    ),
  },
  {
    code: 'disconnected',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('since', ${isoText('f.state_since')}) AS detail FROM feeds f
           WHERE f.state = 'disconnected' AND f.state_since < ${before(disconnectedAlertMs)}`,
  },
];

/** Up to the reported total: those of later batches raise a new alert. */
async function acknowledgeAltered(db: Queryable, { subject, detail }: AcknowledgedAlert): Promise<void> {
  await db.query(
    `UPDATE feeds SET altered_acknowledged_count = greatest(altered_acknowledged_count, $2::integer)
      WHERE feed_id::text = $1`,
    [subject, detail['total']],
  );
}

/** The feeds of a connection for which `where` is true, as one alert; it names the feed when there is only one. */
function ofConnection(where: string, since: string): string {
  return `SELECT f.connection_id::text AS subject, CASE WHEN count(*) = 1 THEN min(f.feed_id::text)::uuid END AS feed_id,
                 f.connection_id, min(f.customer_id) AS customer_id,
                 jsonb_build_object('feeds', count(*), 'count', count(*), 'since', ${isoText(`min(${since})`)}) AS detail
            FROM feeds f WHERE ${where} GROUP BY f.connection_id`;
}

function before(ms: number): string {
  return `now() - interval '${String(ms)} milliseconds'`;
}
