import { unrecognizedAlertMs, serviceSubject, failurePersistsMs, type AlertCode } from '../domain/alerts.js';
import { blockReasons, passingReasons } from '../domain/feed.js';
import { lastingSageReasons, sageCheckLateMs } from '../domain/sage-banking/account-limits.js';
import { sageOnboardingStuckReasons } from '../domain/sage-banking/onboarding.js';

/** A question to the rows: each row of the answer is one alert of this code. */
export interface AlertCondition {
  readonly code: AlertCode;
  /** Answers subject, feed_id, connection_id, customer_id and detail; `$2` is the sync interval in milliseconds. */
  readonly sql: string;
  readonly takesInterval: boolean;
}

/** An account of the other channel, as the feed that it is. */
const ofSageAccount = `s.sage_account_id::text AS subject, s.sage_account_id AS feed_id, s.connection_id, s.customer_id`;
const ofFeed = `f.feed_id::text AS subject, f.feed_id, f.connection_id, f.customer_id`;
/** The reason of a feed that waits because the provider refuses our own credentials. */
const credentialsRejectedReason: string = 'credentials_rejected';
const inWords = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(', ');

/** A refusal of our own credentials is one failure of the service, not one of each feed. */
const failures = passingReasons.filter((reason) => reason !== credentialsRejectedReason);

/** Each is answered from an index that holds little more than the rows wanted. */
export const alertConditions: readonly AlertCondition[] = [
  {
    code: 'feed_blocked',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('reason', f.reason) AS detail FROM feeds f
           WHERE f.reason IS NOT NULL AND f.reason IN (${inWords(blockReasons)}) AND f.operator <> 'closed'
          UNION ALL
          SELECT ${ofSageAccount}, jsonb_build_object('reason', s.reason) FROM sage_accounts s
           WHERE s.reason IS NOT NULL AND s.reason IN (${inWords(lastingSageReasons)}) AND s.status <> 'cancelled'`,
  },
  {
    code: 'feed_late',
    takesInterval: true,
    sql: `SELECT ${ofFeed}, jsonb_build_object('backfilling', f.caught_up_at IS NULL, 'reason', f.reason,
                 'last_synced_at', f.last_synced_at) AS detail
            FROM feeds f
           WHERE f.state IN ('backfilling', 'syncing', 'live')
             AND greatest(f.last_synced_at, f.sendable_since) < now() - $2::float8 * interval '1 millisecond'
          UNION ALL
          SELECT ${ofSageAccount}, jsonb_build_object('status', s.status, 'reason', s.reason,
                 'last_synced_at', s.last_read_at)
            FROM sage_accounts s
           WHERE s.status <> 'cancelled' AND s.next_read_at < now() - interval '${String(sageCheckLateMs)} milliseconds'`,
  },
  {
    code: 'failure_persists',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('reason', f.reason) AS detail FROM feeds f
           WHERE f.reason IS NOT NULL AND f.reason IN (${inWords(failures)})
             AND f.state IN ('backfilling', 'syncing', 'live')
             AND f.reason_at < now() - interval '${String(failurePersistsMs)} milliseconds'
          UNION ALL
          SELECT ${ofSageAccount}, jsonb_build_object('reason', s.reason) FROM sage_accounts s
           WHERE s.reason IS NOT NULL AND s.reason IN (${inWords(failures)}) AND s.status <> 'cancelled'
             AND s.reason_at < now() - interval '${String(failurePersistsMs)} milliseconds'`,
  },
  {
    code: 'credentials_rejected',
    takesInterval: false,
    // Not of the feeds: one that is paused keeps its reason, and a refusal that only handoffs met is in none.
    sql: `SELECT '${serviceSubject}'::text AS subject, NULL::uuid AS feed_id, NULL::uuid AS connection_id,
                 NULL::text AS customer_id, '{}'::jsonb AS detail FROM provider_outages`,
  },
  {
    code: 'postings_quarantined',
    takesInterval: false,
    sql: `SELECT ${ofFeed}, jsonb_build_object('count', l.count) AS detail
            FROM (SELECT feed_id, count(*)::int AS count FROM ledger
                   WHERE exception IN ('quarantined', 'conflict') GROUP BY feed_id) l
            JOIN feeds f USING (feed_id) WHERE f.operator <> 'closed'`,
  },
  {
    code: 'transactions_unrecognized',
    takesInterval: false,
    sql: `SELECT ${ofSageAccount}, jsonb_build_object('received_unrecognized', s.received_unrecognized, 'last_at', s.unrecognized_at) AS detail
            FROM sage_accounts s
           WHERE s.unrecognized_at > now() - interval '${String(unrecognizedAlertMs)} milliseconds' AND s.status <> 'cancelled'`,
  },
  {
    code: 'onboarding_stuck',
    takesInterval: false,
    sql: `SELECT o.onboarding_id::text AS subject, NULL::uuid AS feed_id, NULL::uuid AS connection_id, o.customer_id,
                 jsonb_build_object('onboarding_id', o.onboarding_id, 'state', o.state, 'reason', o.reason) AS detail
            FROM sage_onboardings o
           WHERE o.state IN ('registering', 'waiting_captcha', 'creating', 'in_doubt')
             AND (o.state = 'in_doubt' OR (o.reason IN (${inWords(sageOnboardingStuckReasons)})
                  AND o.person_at < now() - interval '${String(failurePersistsMs)} milliseconds'))`,
  },
];
