import type { AlertCode } from '../domain/alerts.js';
import type { Channel, ChannelId } from '../domain/channel.js';
import type { ClosedBy, FeedFacts, FeedState, TakenStatus } from '../domain/feed.js';
import type { IngestionProblemCounts } from './ingestion-problems.js';
import type { AccountDifference } from './account-differences-sql.js';
import type { Queryable } from './pool.js';

/** What a channel contributes to the queries that both channels share. SQL is text of our own, never input. */
export interface DbChannel {
  readonly id: ChannelId;
  /** The channel's rules, for states and actions. */
  readonly rules: Channel;
  readonly feedView: FeedViewQuery;
  readonly alertConditions: readonly AlertCondition[];
  /** The tasks of the repair job, by their names in `repair_tasks`. */
  readonly repairTasks: readonly string[];
  /** Which task finds the workflows whose absence an alert reports. */
  readonly missingWorkflows: readonly MissingWorkflows[];
  /** The rows of the channel's workflows. */
  readonly workflowRows: readonly WorkflowRows[];
  /** A SELECT of one row and one column: how much of the channel is open and would need its workflows. */
  readonly openWorkSql: string;
  /** The name of a feed's account, as a scalar subquery. `feedId`: an SQL expression. */
  readonly accountNameSql: (feedId: string) => string;
  /** A customer's feeds for its status page, open ones first, at most `limit`. */
  readonly listCustomerFeeds: (
    db: Queryable,
    input: { customerId: string; limit: number },
  ) => Promise<CustomerFeed[]>;
  /** Deletes a limited number of rows that are past their time; answers how many. */
  readonly deleteOldRows: (db: Queryable) => Promise<number>;
}

/** The row of the union. `stored_facts`: the values from which the channel derives facts and state, in its own form. */
export interface FeedViewRow {
  feed_id: string;
  customer_id: string;
  account_id: string | null;
  connection_id: string;
  stored_facts: Readonly<Record<string, unknown>>;
  reason: string | null;
  reason_detail: string | null;
  reason_at: string | null;
  degraded_since: string | null;
  degraded_cause: string | null;
  next_attempt_at: string | null;
  /** Counted for degraded feeds only; null where the channel cannot know. */
  waiting: number | null;
  waiting_since: string | null;
  transaction_start_date: string | null;
  last_synced_at: string | null;
  next_sync_at: string | null;
  published_at: string | null;
  closed_at: string | null;
  closed_by: ClosedBy | null;
  created_at: string;
  updated_at: string;
  has_job: boolean;
  has_undecided_batch: boolean;
  is_ending: boolean;
  account_differences: readonly AccountDifference[];
  booked_through: string | null;
  delivered_through: string | null;
  taken_through: string | null;
  taken_status: TakenStatus | null;
  altered_count: number | null;
  received: string | null;
  ingestion_problems: IngestionProblemCounts | null;
}
export type FeedViewColumn = keyof FeedViewRow;

/** The channel's part of the union of feed views. */
export interface FeedViewQuery {
  /** An SQL expression for every column of the view. */
  readonly columns: Readonly<Record<FeedViewColumn, string>>;
  /** What follows FROM. */
  readonly from: string;
  /** The stored status by which feeds are listed; its values for a state are `rules.statusesShownAs`. */
  readonly statusColumn: string;
  readonly stateFrom: (row: FeedViewRow) => { facts: FeedFacts; state: FeedState };
}

/** What the status page shows of a feed on any channel; each channel adds what its card shows. */
export interface CustomerFeed {
  readonly channel: ChannelId;
  readonly feedId: string;
  readonly accountName: string;
  readonly isClosed: boolean;
}

/** A query whose every row is an alert of this code. */
export interface AlertCondition {
  readonly code: AlertCode;
  /**
   * Selects subject, feed_id, connection_id, customer_id and detail, by these names. In detail, where they are known:
   * `since`, when it began (ISO text), and `count`, of the things that it reports.
   */
  readonly sql: string;
  /** The query has the sync interval in milliseconds as `$2`. */
  readonly takesInterval: boolean;
  /**
   * Where a condition lasts until an operator acknowledges its alert: makes the condition false for what the alert
   * reported. Runs in the transaction that ends the alert. Other alerts end by themselves.
   */
  readonly acknowledge?: (db: Queryable, alert: AcknowledgedAlert) => Promise<void>;
}

/** What an alert reported when it was reviewed last. */
export interface AcknowledgedAlert {
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
  /** ISO, the time of that review. */
  readonly lastAt: string;
}

/** The alerts `workflow_missing` for which `sql`, a condition on the row `a` of `alerts`, is true are of this task. */
export interface MissingWorkflows {
  readonly task: string;
  readonly sql: string;
}

/** Where the rows of a type of workflow are: a workflow without its row has nothing to do. */
export interface WorkflowRows {
  readonly type: string;
  /** A workflow's id is this and the row's id. */
  readonly idPrefix: string;
  /** The form of the row's id: what is not of this form is no workflow of ours. */
  readonly idPattern: RegExp;
  /** Selects, as `id`, those of the ids `$1` (text[]) that have a row. */
  readonly existingSql: string;
}

/** The registry: every channel by its id. */
export type DbChannels = Readonly<Record<ChannelId, DbChannel>>;
