import {
  failurePersistsMs,
  onboardingStuckMs,
  reauthAlertMs,
  unrecognizedAlertMs,
} from '../../domain/alerts.js';
import {
  lastingSageReasons,
  sageCheckLateMs,
  transientSageReasons,
} from '../../domain/sage-banking/account-limits.js';
import { sageOnboardingStuckReasons } from '../../domain/sage-banking/onboarding.js';
import type { AlertCondition } from '../channel.js';
import { isoText, literals } from '../pool.js';

/** An account at Sage as the feed that it is. */
const ofAccount = `s.sage_account_id::text AS subject, s.sage_account_id AS feed_id, s.connection_id, s.customer_id`;

/** Of a reason that the version before wrote, when it changed last. */
const degradedSince = 'coalesce(s.degraded_since, s.reason_at)';

/** Each reads an index that holds little more than the rows wanted. */
export const sageAlertConditions: readonly AlertCondition[] = [
  {
    code: 'feed_blocked',
    takesInterval: false,
    sql: `SELECT ${ofAccount}, jsonb_build_object('reason', s.reason, 'since', ${isoText('s.reason_at')}) AS detail FROM sage_accounts s
           WHERE s.reason IS NOT NULL AND s.reason IN (${literals(lastingSageReasons)}) AND s.status <> 'cancelled'`,
  },
  {
    code: 'feed_late',
    takesInterval: false,
    sql: `SELECT ${ofAccount}, jsonb_build_object('status', s.status, 'reason', s.reason,
                 'last_synced_at', ${isoText('s.last_read_at')}, 'since', ${isoText('s.next_read_at')}) AS detail
            FROM sage_accounts s
           WHERE s.status <> 'cancelled' AND s.next_read_at < now() - interval '${String(sageCheckLateMs)} milliseconds'`,
  },
  {
    code: 'failure_persists',
    takesInterval: false,
    sql: `SELECT ${ofAccount}, jsonb_build_object('reason', s.reason, 'cause', s.degraded_cause,
                 'since', ${isoText(degradedSince)}) AS detail FROM sage_accounts s
           WHERE s.reason IS NOT NULL AND s.reason IN (${literals(transientSageReasons)}) AND s.status <> 'cancelled'
             AND ${degradedSince} < now() - interval '${String(failurePersistsMs)} milliseconds'`,
  },
  {
    code: 'transactions_unrecognized',
    takesInterval: false,
    sql: `SELECT ${ofAccount}, jsonb_build_object('received_unrecognized', s.received_unrecognized,
                 'count', s.received_unrecognized, 'last_at', ${isoText('s.unrecognized_at')}) AS detail
            FROM sage_accounts s
           WHERE s.unrecognized_at > now() - interval '${String(unrecognizedAlertMs)} milliseconds'
             AND s.status <> 'cancelled'`,
  },
  {
    code: 'reauth_required',
    takesInterval: false,
    sql: `SELECT ${ofAccount}, jsonb_build_object('feeds', 1, 'count', 1, 'since', ${isoText('s.status_since')}) AS detail
            FROM sage_accounts s
           WHERE s.status = 'authRequired'
             AND s.status_since < now() - interval '${String(reauthAlertMs)} milliseconds'`,
  },
  {
    code: 'onboarding_stuck',
    takesInterval: false,
    sql: `SELECT o.onboarding_id::text AS subject, NULL::uuid AS feed_id, NULL::uuid AS connection_id, o.customer_id,
                 jsonb_build_object('onboarding_id', o.onboarding_id, 'state', o.state, 'reason', o.reason,
                                    'since', ${isoText('o.person_acted_at')}) AS detail
            FROM sage_onboardings o
           WHERE o.state IN ('registering', 'waiting_captcha', 'creating', 'in_doubt')
             AND (o.state = 'in_doubt' OR (o.reason IN (${literals(sageOnboardingStuckReasons)})
                  AND o.person_acted_at < now() - interval '${String(onboardingStuckMs)} milliseconds'))`,
  },
];
