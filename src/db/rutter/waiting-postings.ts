import { literals } from '../pool.js';
import { sendingStates } from '../../domain/rutter/feed.js';
import { startDayOfFeed } from './feeds.js';
import { notKeptBack } from './posting-holds.js';

/**
 * The postings of feed `f` of account `a` that are to be sent and are not: the ready ones (`ready-postings.ts`) and those
 * of the open batch. SQL expressions for lists of feeds: each reads a few rows of an index, and of most feeds none.
 */

/** Postings that are counted one by one; of more, the number is a lower bound. */
export const waitingCountedMax = 10_000;

const examined = 'least(f.examined_sequence, f.examined_by_day_sequence)';
const openBatch = `(SELECT b.batch_id FROM batches b WHERE b.feed_id = f.feed_id AND b.state = 'open')`;

/**
 * False of a feed that has caught up, which is nearly every one: it costs no further read. The feeds with an open batch are
 * few, and read once for the whole list.
 */
const mayWait = `(f.operator <> 'closed' AND (a.last_sequence > ${examined} OR f.reason IS NOT NULL OR f.state <> 'live'
  OR f.feed_id IN (SELECT b.feed_id FROM batches b WHERE b.state = 'open')))`;

const isDue = `p.status = 'posted' AND p.booking_day >= coalesce(${startDayOfFeed}, '-infinity')
  AND (a.closed_on IS NULL OR p.booking_day <= a.closed_on) ${notKeptBack('f.feed_id', true)}`;

const fresh = `FROM postings p
  WHERE p.account_id = f.account_id AND ${isDue}
    AND (p.send_at, p.sequence) > (coalesce(f.cursor_posted_at, '-infinity'), coalesce(f.cursor_sequence, 0))
    AND p.send_at >= coalesce(${startDayOfFeed}::timestamp AT TIME ZONE 'UTC' - interval '1 day', '-infinity')
  ORDER BY p.send_at, p.sequence`;

const late = `FROM postings p
  WHERE (p.account_id || '') = f.account_id AND ${isDue} AND p.sequence > ${examined}
    AND (p.send_at, p.sequence) <= (f.cursor_posted_at, f.cursor_sequence)
    AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.feed_id = f.feed_id AND l.transaction_id = p.transaction_id)
  ORDER BY p.sequence`;

/**
 * When the posting that waits longest was received; of a backlog, that of the next one in the order of delivery. Null:
 * none waits.
 */
export const waitingSinceSql = `CASE WHEN ${mayWait} THEN least(
  (SELECT p.received_at FROM ledger l JOIN postings p ON p.account_id = f.account_id AND p.transaction_id = l.transaction_id
    WHERE l.batch_id = ${openBatch} ORDER BY l.position LIMIT 1),
  (SELECT p.received_at ${fresh} LIMIT 1),
  (SELECT p.received_at ${late} LIMIT 1)) END`;

/** How many postings wait, for a feed that is degraded; at most {@link waitingCountedMax} and a batch are counted. */
export const waitingSql = `CASE WHEN f.reason IS NOT NULL AND f.state IN (${literals(sendingStates)}) THEN (
  coalesce((SELECT b.size FROM batches b WHERE b.feed_id = f.feed_id AND b.state = 'open'), 0)
  + (SELECT count(*) FROM (SELECT 1 ${fresh} LIMIT ${String(waitingCountedMax)}) c)
  + (SELECT count(*) FROM (SELECT 1 ${late} LIMIT ${String(waitingCountedMax)}) c))::int END`;
