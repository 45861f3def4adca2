import type { ChannelId } from '../domain/channel.js';
import type { ClosedBy, FeedFacts, FeedState, TakenStatus } from '../domain/feed.js';
import { endingReason, feedStatus, type Degraded } from '../domain/feed-status.js';
import type { AccountDifference } from './account-differences-sql.js';
import type { DbChannel, DbChannels, FeedViewColumn, FeedViewRow } from './channel.js';
import type { IngestionProblemCounts } from './ingestion-problems.js';
import { literals, type Queryable } from './pool.js';

/** A feed of either channel as pages and the API show it. Instants are ISO text in UTC. */
export interface FeedView {
  readonly feedId: string;
  readonly customerId: string;
  /** Null on the channel of Sage's Banking Service, whose accounts are not those of core banking. */
  readonly accountId: string | null;
  readonly connectionId: string;
  readonly channel: ChannelId;
  readonly facts: FeedFacts;
  readonly state: FeedState;
  readonly reason: string | null;
  readonly reasonDetail: string | null;
  readonly degraded: DegradedView | null;
  /** When the posting that waits longest was received; null where none waits, or the channel cannot know. */
  readonly waitingSince: string | null;
  readonly transactionStartDate: string | null;
  readonly lastSyncedAt: string | null;
  readonly nextSyncAt: string | null;
  readonly publishedAt: string | null;
  readonly closedAt: string | null;
  /** Null while open, for feeds that version 0.2 closed, and on the channel of Sage's Banking Service. */
  readonly closedBy: ClosedBy | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Its open batch has a job at Rutter. */
  readonly hasJob: boolean;
  /** Its connection is gone, and with it the outcome of its open batch: an operator decides it. */
  readonly hasUndecidedBatch: boolean;
  /** Where its provider shows another account than our row; empty on the channel of Sage's Banking Service. */
  readonly accountDifferences: readonly AccountDifference[];
  /**
   * Calendar days: the last posting that core banking booked, that was delivered, and that Sage has taken; null where
   * there is none, and on the channel of Sage's Banking Service.
   */
  readonly bookedThrough: string | null;
  readonly deliveredThrough: string | null;
  readonly takenThrough: string | null;
  /** Whether Sage has taken all that was delivered; null before the first delivery. */
  readonly takenStatus: TakenStatus | null;
  /** Delivered postings that Rutter shows with other text; null on the channel of Sage's Banking Service. */
  readonly alteredCount: number | null;
  /** Transactions received from Sage, decimal text; null on the channel of Rutter. */
  readonly received: string | null;
  /** Items of its account that were not taken as they were sent; null when there were none. */
  readonly ingestionProblems: IngestionProblemCounts | null;
}

export interface DegradedView extends Degraded {
  /** Postings that wait; null where the channel cannot know. */
  readonly waiting: number | null;
}

/** The one order of the columns: each channel gives an expression for every name. */
const columns: readonly FeedViewColumn[] = [
  'feed_id',
  'customer_id',
  'account_id',
  'connection_id',
  'stored_facts',
  'reason',
  'reason_detail',
  'reason_at',
  'degraded_since',
  'degraded_cause',
  'next_attempt_at',
  'waiting',
  'waiting_since',
  'transaction_start_date',
  'last_synced_at',
  'next_sync_at',
  'published_at',
  'closed_at',
  'closed_by',
  'created_at',
  'updated_at',
  'has_job',
  'has_undecided_batch',
  'is_ending',
  'account_differences',
  'booked_through',
  'delivered_through',
  'taken_through',
  'taken_status',
  'altered_count',
  'received',
  'ingestion_problems',
];

type UnionRow = FeedViewRow & { channel: ChannelId };

function selectOf({ id, feedView }: DbChannel): string {
  const named = columns.map((name) => `${feedView.columns[name]} AS ${name}`);
  return `SELECT '${id}' AS channel, ${named.join(', ')} FROM ${feedView.from}`;
}

function viewFrom(channels: DbChannels, row: UnionRow): FeedView {
  const { feedView, rules } = channels[row.channel];
  const { facts, state } = feedView.stateFrom(row);
  const { reason, degraded } = feedStatus(rules, {
    state,
    reason: row.reason,
    reasonAt: row.reason_at,
    degradedSince: row.degraded_since,
    degradedCause: row.degraded_cause,
    nextAttemptAt: row.next_attempt_at,
    isEnding: row.is_ending,
  });
  return {
    feedId: row.feed_id,
    customerId: row.customer_id,
    accountId: row.account_id,
    connectionId: row.connection_id,
    channel: row.channel,
    facts,
    state,
    reason,
    reasonDetail: reason === null || reason === endingReason ? null : row.reason_detail,
    degraded: degraded === null ? null : { ...degraded, waiting: row.waiting },
    waitingSince: row.waiting_since,
    transactionStartDate: row.transaction_start_date,
    lastSyncedAt: row.last_synced_at,
    nextSyncAt: row.next_sync_at,
    publishedAt: row.published_at,
    closedAt: row.closed_at,
    closedBy: row.closed_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    hasJob: row.has_job,
    hasUndecidedBatch: row.has_undecided_batch,
    accountDifferences: row.account_differences,
    bookedThrough: row.booked_through,
    deliveredThrough: row.delivered_through,
    takenThrough: row.taken_through,
    takenStatus: row.taken_status,
    alteredCount: row.altered_count,
    received: row.received,
    ingestionProblems: row.ingestion_problems,
  };
}

/** The feed, or null when there is none. */
export async function readFeedView(
  db: Queryable,
  channels: DbChannels,
  input: { feedId: string },
): Promise<FeedView | null> {
  const selects = Object.values(channels).map(
    (channel) => `${selectOf(channel)} WHERE ${channel.feedView.columns.feed_id} = $1`,
  );
  const { rows } = await db.query<UnionRow>(selects.join(' UNION ALL '), [input.feedId]);
  return rows[0] === undefined ? null : viewFrom(channels, rows[0]);
}

/** Which feeds a list has; absent ones take all. */
export interface FeedFilters {
  readonly customerId?: string | undefined;
  readonly accountId?: string | undefined;
  readonly channel?: ChannelId | undefined;
  readonly state?: FeedState | undefined;
  readonly reason?: string | undefined;
  readonly degraded?: boolean | undefined;
  /** ISO instant: feeds with a posting that waits since before. */
  readonly waitingSinceBefore?: string | undefined;
}

/** A part of the list of feeds, in the order of their ids. */
export interface FeedListPart extends FeedFilters {
  readonly afterFeedId?: string | undefined;
  /** The last feed that is looked at; without it all after `afterFeedId`. */
  readonly throughFeedId?: string | undefined;
  readonly limit: number;
}

/** Up to `limit` feeds of a part of the list. */
export async function listFeedViews(
  db: Queryable,
  channels: DbChannels,
  input: FeedListPart,
): Promise<FeedView[]> {
  const selects = listedChannels(channels, input).map(
    (channel) => `(${selectOf(channel)} WHERE ${indexedFilters(channel, input)}
         AND ($6::timestamptz IS NULL OR ${channel.feedView.columns.waiting_since} < $6)
         AND ($7::uuid IS NULL OR ${channel.feedView.columns.feed_id} <= $7)
       ORDER BY ${channel.feedView.columns.feed_id} LIMIT $4)`,
  );
  const { rows } = await db.query<UnionRow>(
    `SELECT * FROM (${selects.join(' UNION ALL ')}) listed ORDER BY feed_id LIMIT $4`,
    [...indexedValues(input), input.waitingSinceBefore ?? null, input.throughFeedId ?? null],
  );
  return rows.map((row) => viewFrom(channels, row));
}

/**
 * The feed at position `limit` of the list, whatever waits for it; null where the list is not that long. Since when a posting
 * waits is read feed by feed, so a list with that filter looks at a limited number of feeds at a time.
 */
export async function readFeedIdAt(
  db: Queryable,
  channels: DbChannels,
  input: FeedListPart,
): Promise<string | null> {
  const selects = listedChannels(channels, input).map((channel) => {
    const { columns: own, from } = channel.feedView;
    return `(SELECT ${own.feed_id} AS feed_id FROM ${from} WHERE ${indexedFilters(channel, input)}
       ORDER BY ${own.feed_id} LIMIT $4)`;
  });
  const { rows } = await db.query<{ feed_id: string }>(
    `SELECT feed_id FROM (${selects.join(' UNION ALL ')}) listed ORDER BY feed_id OFFSET $4::int - 1 LIMIT 1`,
    indexedValues(input),
  );
  return rows[0]?.feed_id ?? null;
}

function listedChannels(channels: DbChannels, { channel }: FeedFilters): DbChannel[] {
  return Object.values(channels).filter(({ id }) => channel === undefined || id === channel);
}

/** All filters but the one by the posting that waits; they need {@link indexedValues}. */
function indexedFilters(channel: DbChannel, input: FeedFilters): string {
  const { columns: own } = channel.feedView;
  return `($1::text IS NULL OR ${own.customer_id} = $1) AND ($2::text IS NULL OR ${own.account_id} = $2)
         AND ($3::uuid IS NULL OR ${own.feed_id} > $3) AND ($5::text IS NULL OR ${input.reason === endingReason ? endsSql(channel) : `${own.reason} = $5`})
         AND ${statusFilter(channel, input)}`;
}

/** $1 to $5 of {@link indexedFilters} and of the limit. */
function indexedValues(input: FeedListPart): unknown[] {
  return [
    input.customerId ?? null,
    input.accountId ?? null,
    input.afterFeedId ?? null,
    input.limit,
    input.reason ?? null,
  ];
}

/** Conditions on what {@link feedStatus} derives, as SQL on the stored values. */
function statusFilter(channel: DbChannel, input: FeedFilters): string {
  const conditions = [isShownAs(channel, input.state)];
  const { reason } = input;
  if (reason !== undefined && reason !== endingReason && !channel.rules.isBlocked(reason)) {
    conditions.push(isDegradedSql(channel));
  }
  if (input.degraded !== undefined) {
    conditions.push(input.degraded ? isDegradedSql(channel) : `NOT ${isDegradedSql(channel)}`);
  }
  return conditions.join(' AND ');
}

/** Whether a feed of the channel ends and has no more urgent reason, by the rules of {@link feedStatus}. */
function endsSql({ rules, feedView }: DbChannel): string {
  const { reason, is_ending: isEnding } = feedView.columns;
  const blocked = literals(rules.reasons.filter(rules.isBlocked));
  return `(${isEnding} AND (${reason} IS NULL OR ${reason} NOT IN (${blocked}))
           AND NOT ${isDegradedSql({ rules, feedView })}
           AND ${feedView.statusColumn} NOT IN (${literals(rules.statusesShownAs('closed'))}))`;
}

/** Whether a feed of the channel is degraded, by the rules of {@link feedStatus}. */
export function isDegradedSql({ rules, feedView }: Pick<DbChannel, 'rules' | 'feedView'>): string {
  const { reason } = feedView.columns;
  const statuses = rules.retryingStates.flatMap((state) => rules.statusesShownAs(state));
  return `(${reason} IS NOT NULL AND ${reason} NOT IN (${literals(rules.reasons.filter(rules.isBlocked))})
           AND ${feedView.statusColumn} IN (${literals(statuses)}))`;
}

/** Literals, so that a list of one is an equality and the index by state gives the order of ids. */
function isShownAs({ rules, feedView }: DbChannel, state: FeedState | undefined): string {
  if (state === undefined) return 'true';
  const statuses = rules.statusesShownAs(state);
  return statuses.length === 0 ? 'false' : `${feedView.statusColumn} IN (${literals(statuses)})`;
}
