import { feedState } from '../../domain/feed.js';
import { sageBankingChannel } from '../../domain/sage-banking/channel.js';
import { sageFeedFacts, type SageAccountStatus } from '../../domain/sage-banking/states.js';
import {
  sageBankAccountWorkflowId,
  sageBankLinkWorkflowId,
  sageOnboardingWorkflowId,
  sageReprocessWorkflowId,
} from '../../domain/ids.js';
import type { DbChannel } from '../channel.js';
import { uuidRows } from '../workflow-rows.js';
import { sageAlertConditions } from './alert-conditions.js';
import { deleteOldReadings } from './commands.js';
import { listSageFeeds } from './customer-feeds.js';

/** The tasks of the repair job on this channel, each with a position of its own. */
export const sageRepairTasks = [
  'sage_accounts',
  'sage_onboardings',
  'sage_links',
  'sage_reprocesses',
] as const;

/** What the channel of Sage's Banking Service contributes: an account at Sage is a feed, and its id is the feed's. */
export const sageBankingDbChannel: DbChannel = {
  id: 'sage-banking',
  rules: sageBankingChannel,
  feedView: {
    columns: {
      feed_id: 's.sage_account_id',
      customer_id: 's.customer_id',
      account_id: 'NULL::text',
      connection_id: 's.connection_id',
      stored_facts: `jsonb_build_object('status', s.status)`,
      reason: 's.reason',
      reason_detail: 's.reason_detail',
      reason_at: 's.reason_at',
      degraded_since: 's.degraded_since',
      degraded_cause: 's.degraded_cause',
      next_attempt_at: 's.next_attempt_at',
      waiting: 'NULL::integer',
      waiting_since: 'NULL::timestamptz',
      transaction_start_date: 's.requested_start_date',
      last_synced_at: 's.last_read_at',
      next_sync_at: 's.next_read_at',
      published_at: 's.created_at',
      closed_at: 's.cancelled_at',
      closed_by: 'NULL::text',
      created_at: 's.created_at',
      updated_at: 's.updated_at',
      has_job: 'false',
      has_undecided_batch: 'false',
      is_ending: '(s.cancel_requested_at IS NOT NULL)',
      account_differences: `'[]'::jsonb`,
      altered_count: 'NULL::integer',
      booked_through: 'NULL::date',
      delivered_through: 'NULL::date',
      taken_through: 'NULL::date',
      taken_status: 'NULL::text',
      received: 's.received - s.received_corrected',
      ingestion_problems: 'NULL::jsonb',
    },
    from: 'sage_accounts s',
    statusColumn: 's.status',
    stateFrom: (row) => {
      const facts = sageFeedFacts(row.stored_facts.status as SageAccountStatus);
      return { facts, state: feedState(facts) };
    },
  },
  alertConditions: sageAlertConditions,
  repairTasks: sageRepairTasks,
  missingWorkflows: [
    {
      task: 'sage_accounts',
      sql: 'EXISTS (SELECT 1 FROM sage_accounts s WHERE s.sage_account_id = a.feed_id)',
    },
  ],
  workflowRows: [
    uuidRows('sageBankAccountWorkflow', sageBankAccountWorkflowId(''), 'sage_accounts', 'sage_account_id'),
    uuidRows('sageBankLinkWorkflow', sageBankLinkWorkflowId(''), 'sage_links', 'link_id'),
    uuidRows('sageOnboardingWorkflow', sageOnboardingWorkflowId(''), 'sage_onboardings', 'onboarding_id'),
    uuidRows('sageReprocessWorkflow', sageReprocessWorkflowId(''), 'sage_reprocesses', 'reprocess_id'),
  ],
  openWorkSql: `SELECT (SELECT count(*) FROM sage_accounts WHERE status <> 'cancelled')
    + (SELECT count(*) FROM sage_onboardings WHERE state IN ('registering', 'waiting_captcha', 'creating', 'in_doubt'))
    + (SELECT count(*) FROM sage_links WHERE state = 'waiting')
    + (SELECT count(*) FROM sage_reprocesses WHERE state = 'running')`,
  accountNameSql: (feedId) => `(SELECT s.name FROM sage_accounts s WHERE s.sage_account_id = ${feedId})`,
  listCustomerFeeds: listSageFeeds,
  deleteOldRows: deleteOldReadings,
};
