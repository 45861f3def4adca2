import { failurePersistsMs, serviceSubject } from '../../domain/alerts.js';
import { credentialsRejectedReason } from '../../domain/feed.js';
import { blockReasons, transientReasons } from '../../domain/rutter/feed.js';
import type { AlertCondition } from '../channel.js';
import { literals } from '../pool.js';

const ofFeed = `f.feed_id::text AS subject, f.feed_id, f.connection_id, f.customer_id`;
/** A refusal of our own credentials is one failure of the service, not one of each feed. */
const failures = transientReasons.filter((reason) => reason !== credentialsRejectedReason);

/** Each reads an index that holds little more than the rows wanted. */
export const rutterAlertConditions: readonly AlertCondition[] = [
  {
    code: 'feed_blocked',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('reason', f.reason) AS detail FROM feeds f
           WHERE f.reason IS NOT NULL AND f.reason IN (${literals(blockReasons)}) AND f.operator <> 'closed'`,
  },
  {
    code: 'feed_late',
    takesInterval: true,
    sql: `SELECT ${ofFeed}, jsonb_build_object('backfilling', f.caught_up_at IS NULL, 'reason', f.reason,
                 'last_synced_at', f.last_synced_at) AS detail
            FROM feeds f
           WHERE f.state IN ('backfilling', 'syncing', 'live')
             AND greatest(f.last_synced_at, f.sendable_since) < now() - $2::float8 * interval '1 millisecond'`,
  },
  {
    code: 'failure_persists',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('reason', f.reason) AS detail FROM feeds f
           WHERE f.reason IS NOT NULL AND f.reason IN (${literals(failures)})
             AND f.state IN ('backfilling', 'syncing', 'live')
             AND f.reason_at < now() - interval '${String(failurePersistsMs)} milliseconds'`,
  },
  {
    code: 'credentials_rejected',
    takesInterval: false,
    // Not read from the feeds: a paused feed keeps its reason, and a refusal that only handoffs met is in none.
    sql: `SELECT '${serviceSubject}'::text AS subject, NULL::uuid AS feed_id, NULL::uuid AS connection_id,
                 NULL::text AS customer_id, '{}'::jsonb AS detail FROM rejected_credentials`,
  },
  {
    code: 'postings_quarantined',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('count', l.count) AS detail
            FROM (SELECT feed_id, count(*)::int AS count FROM ledger
                   WHERE exception IN ('quarantined', 'conflict') GROUP BY feed_id) l
            JOIN feeds f USING (feed_id) WHERE f.operator <> 'closed'`,
  },
];
