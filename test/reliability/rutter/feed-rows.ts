import type { Pool } from '../../../src/db/pool.js';
import { startDayOf } from './calendar.js';

export interface CheckedFeed {
  readonly feedId: string;
  readonly accountId: string;
  readonly rutterAccountId: string;
}

export interface PostingRow {
  readonly transactionId: string;
  readonly sequence: bigint;
  readonly postedAtMs: number;
  /** The instant under which it is ordered. */
  readonly sendAtMs: number;
  readonly bookingDay: string;
  readonly amount: string;
  readonly description: string;
  readonly payee: string | null;
  readonly transactionType: string;
  readonly status: string;
  readonly corrects: string | null;
  readonly late: boolean | null;
  readonly exception: string | null;
  readonly batchState: string | null;
  readonly evidence: string | null;
  /** What an operator decided before it was in a batch; null: nothing. */
  readonly hold: string | null;
  readonly beforeStart: boolean;
  /** Booked after its account was closed. */
  readonly afterClosing: boolean;
  /** Its feed was closed by a person, or with an account that is not active in Sage. */
  readonly feedEnded: boolean;
}

type RawRow = Omit<PostingRow, 'sequence' | 'beforeStart' | 'afterClosing' | 'feedEnded'> & {
  operator: string;
  closedBy: string | null;
  accountStatus: string;
  sequence: string;
  startDate: string | null;
  timeZone: string | null;
  closedOn: string | null;
};

/** Reads every posting of the feed's account with its entry in the feed's ledger. */
export async function readRows(pool: Pool, feed: CheckedFeed): Promise<PostingRow[]> {
  const { rows } = await pool.query<RawRow>(
    `SELECT p.transaction_id AS "transactionId", p.sequence, extract(epoch FROM p.posted_at)::float8 * 1000 AS "postedAtMs",
            extract(epoch FROM p.send_at)::float8 * 1000 AS "sendAtMs", p.booking_day AS "bookingDay",
            p.amount, p.description, p.payee, p.transaction_type AS "transactionType", p.status, p.corrects, l.late,
            l.exception, b.state AS "batchState", b.evidence, h.state AS hold,
            f.transaction_start_date AS "startDate", a.time_zone AS "timeZone",
            a.closed_on AS "closedOn", f.operator, f.closed_by AS "closedBy", f.account_status AS "accountStatus"
       FROM feeds f JOIN postings p ON (p.account_id || '') = f.account_id
       JOIN accounts a ON a.account_id = f.account_id
       LEFT JOIN posting_holds h ON h.feed_id = f.feed_id AND h.transaction_id = p.transaction_id
       LEFT JOIN ledger l ON l.feed_id = f.feed_id AND l.transaction_id = p.transaction_id
       LEFT JOIN batches b ON b.batch_id = l.batch_id
      WHERE f.feed_id = $1`,
    [feed.feedId],
  );
  return rows.map(({ startDate, timeZone, closedOn, operator, closedBy, accountStatus, ...row }) => ({
    ...row,
    beforeStart: startDate !== null && row.bookingDay < startDayOf(Date.parse(startDate), timeZone),
    afterClosing: closedOn !== null && row.bookingDay > closedOn,
    feedEnded:
      operator === 'closed' && !(closedBy === 'account' && (closedOn === null || accountStatus === 'active')),
    sequence: BigInt(row.sequence),
    postedAtMs: Math.round(row.postedAtMs),
    sendAtMs: Math.round(row.sendAtMs),
  }));
}

export interface FeedFacts {
  readonly state: string;
  readonly operator: string;
  /** Of a closed feed: `account` when it closed with its account. */
  readonly closedBy: string | null;
  /** `waiting`: never chosen in Sage, as far as the service has read. */
  readonly accountStatus: string;
  readonly startDateMs: number | null;
  readonly cursorMs: number | null;
  readonly cursorSequence: bigint;
  readonly examined: bigint;
}

export async function readFacts(pool: Pool, feed: CheckedFeed): Promise<FeedFacts> {
  const { rows } = await pool.query<{
    state: string;
    operator: string;
    closed_by: string | null;
    account_status: string;
    start_date: string | null;
    cursor_at: string | null;
    cursor_sequence: string | null;
    examined_sequence: string;
  }>(
    `SELECT state, operator, closed_by, account_status, transaction_start_date AS start_date, cursor_posted_at AS cursor_at, cursor_sequence,
            least(examined_sequence, examined_by_day_sequence) AS examined_sequence FROM feeds WHERE feed_id = $1`,
    [feed.feedId],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('a feed of the simulation has no row');
  return {
    state: row.state,
    operator: row.operator,
    closedBy: row.closed_by,
    accountStatus: row.account_status,
    startDateMs: row.start_date === null ? null : Date.parse(row.start_date),
    cursorMs: row.cursor_at === null ? null : Date.parse(row.cursor_at),
    cursorSequence: BigInt(row.cursor_sequence ?? '0'),
    examined: BigInt(row.examined_sequence),
  };
}

/** The delivery status of a posting by the checker's own rules, independent of the code under test. */
export function deliveryStatusOf(row: PostingRow): string {
  if (row.exception === 'quarantined' || row.exception === 'conflict') return 'quarantined';
  if (row.exception === 'discarded') return 'discarded';
  if (row.batchState === 'delivered') return 'delivered';
  if (row.batchState === 'open' || (row.batchState !== null && !row.feedEnded)) return 'batched';
  if (row.status === 'void') return 'withdrawn';
  if (row.hold === 'discarded') return 'discarded';
  if (row.status === 'pending' || row.hold === 'held' || row.afterClosing) return 'held';
  if (row.beforeStart) return 'before_start';
  return row.feedEnded ? 'held' : 'ready';
}
