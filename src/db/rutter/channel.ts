import type { FeedFacts, FeedState } from '../../domain/feed.js';
import { rutterChannel } from '../../domain/rutter/channel.js';
import { accountDifferencesSql } from '../account-differences-sql.js';
import { bankFeedWorkflowId, connectionWorkflowId, loginHandoffWorkflowId } from '../../domain/ids.js';
import type { DbChannel } from '../channel.js';
import { uuidRows } from '../workflow-rows.js';
import { ingestionProblemsSql } from '../ingestion-problems.js';
import { rutterAlertConditions } from './alert-conditions.js';
import { listRutterFeeds } from './customer-feeds.js';
import { storedFactsSql } from './feeds.js';
import { deleteOldHandoffs } from './handoffs.js';
import { bookedThroughSql, deliveredThroughSql, takenStatusSql } from './taken-postings.js';
import { waitingSinceSql, waitingSql } from './waiting-postings.js';
import { deleteOldWebhooks } from './webhooks.js';

/** What the channel of Rutter contributes to the queries that both channels share. */
export const rutterDbChannel: DbChannel = {
  id: 'rutter',
  rules: rutterChannel,
  feedView: {
    columns: {
      feed_id: 'f.feed_id',
      customer_id: 'f.customer_id',
      account_id: 'f.account_id',
      connection_id: 'f.connection_id',
      stored_facts: storedFactsSql,
      reason: 'f.reason',
      reason_detail: 'f.reason_detail',
      reason_at: 'f.reason_at',
      degraded_since: 'f.degraded_since',
      degraded_cause: 'f.degraded_cause',
      next_attempt_at: 'f.next_attempt_at',
      waiting: waitingSql,
      waiting_since: waitingSinceSql,
      transaction_start_date: 'f.transaction_start_date',
      last_synced_at: 'f.last_synced_at',
      next_sync_at: 'f.next_sync_at',
      published_at: 'f.published_at',
      closed_at: 'f.closed_at',
      closed_by: 'f.closed_by',
      created_at: 'f.created_at',
      updated_at: 'f.updated_at',
      has_job: `EXISTS (SELECT 1 FROM batches b JOIN attempts a USING (batch_id)
                         WHERE b.feed_id = f.feed_id AND b.state = 'open'
                           AND a.state IN ('open', 'in_doubt') AND a.job_id IS NOT NULL)`,
      has_undecided_batch: `(c.unlinked_at IS NOT NULL
                             AND EXISTS (SELECT 1 FROM batches b WHERE b.feed_id = f.feed_id AND b.state = 'open'))`,
      is_ending: '(c.unlink_requested_at IS NOT NULL)',
      account_differences: accountDifferencesSql('f'),
      booked_through: bookedThroughSql('f'),
      delivered_through: deliveredThroughSql('f'),
      taken_through: 'f.taken_through',
      taken_status: takenStatusSql('f'),
      altered_count: 'f.altered_count',
      received: 'NULL::bigint',
      ingestion_problems: ingestionProblemsSql('f.account_id'),
    },
    from: 'feeds f JOIN connections c USING (connection_id) JOIN accounts a ON a.account_id = f.account_id',
    statusColumn: 'f.state',
    stateFrom: (row) => {
      const { state, ...facts } = row.stored_facts as unknown as FeedFacts & { state: FeedState };
      return { facts, state };
    },
  },
  alertConditions: rutterAlertConditions,
  repairTasks: ['feeds', 'connections', 'wakes', 'handoffs'],
  missingWorkflows: [
    { task: 'connections', sql: 'a.feed_id IS NULL' },
    { task: 'feeds', sql: 'EXISTS (SELECT 1 FROM feeds f WHERE f.feed_id = a.feed_id)' },
  ],
  workflowRows: [
    uuidRows('bankFeedWorkflow', bankFeedWorkflowId(''), 'feeds', 'feed_id'),
    uuidRows('connectionWorkflow', connectionWorkflowId(''), 'connections', 'connection_id'),
    {
      type: 'loginHandoffWorkflow',
      idPrefix: loginHandoffWorkflowId(''),
      idPattern: /^[0-9a-f]{64}$/,
      existingSql: `SELECT handoff_id AS id FROM handoffs WHERE handoff_id = ANY ($1::text[])`,
    },
  ],
  openWorkSql: `SELECT count(*) FROM feeds WHERE operator <> 'closed'`,
  accountNameSql: (feedId) =>
    `(SELECT a.name FROM feeds f JOIN accounts a USING (account_id) WHERE f.feed_id = ${feedId})`,
  listCustomerFeeds: listRutterFeeds,
  deleteOldRows: async (db) => (await deleteOldWebhooks(db)) + (await deleteOldHandoffs(db)),
};
