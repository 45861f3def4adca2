import type { Queryable } from '../pool.js';

/** What the repair tasks check, page by page in the order of ids. All reads; a page is a few index lookups a row. */

/** Newer rows may not have their workflow or their signal yet: the process that wrote them may still be starting it. */
const graceInterval = `interval '1 minute'`;
/** A posting is signalled with its ingestion; after this long the signal counts as lost. */
const signalledWithin = `interval '15 seconds'`;
/** A feed that the repair job has woken is not woken again for the same postings before this. */
const wakeAgainAfter = `interval '10 minutes'`;
/** Connections are checked while something is awaited; after 30 days only on a wake-up (`awaitAtAllMs`). */
const awaitedFor = `interval '30 days'`;

export interface FeedToCheck {
  readonly feedId: string;
  readonly customerId: string;
  readonly connectionId: string;
}

/** Feeds that must have a workflow, after `afterId`. */
export async function listFeedsToCheck(
  db: Queryable,
  input: { afterId: string | null; limit: number },
): Promise<FeedToCheck[]> {
  const { rows } = await db.query<{ feed_id: string; customer_id: string; connection_id: string }>(
    `SELECT feed_id, customer_id, connection_id FROM feeds
      WHERE ($1::uuid IS NULL OR feed_id > $1) AND operator <> 'closed' AND created_at < now() - ${graceInterval}
        AND state_since < now() - ${graceInterval}
      ORDER BY feed_id LIMIT $2`,
    [input.afterId, input.limit],
  );
  return rows.map((row) => ({
    feedId: row.feed_id,
    customerId: row.customer_id,
    connectionId: row.connection_id,
  }));
}

export interface ConnectionToCheck {
  readonly connectionId: string;
  readonly customerId: string;
}

/** Connections on which something is awaited that is still polled, after `afterId`. */
export async function listConnectionsToCheck(
  db: Queryable,
  input: { afterId: string | null; limit: number },
): Promise<ConnectionToCheck[]> {
  const { rows } = await db.query<{ connection_id: string; customer_id: string }>(
    `SELECT DISTINCT connection_id, customer_id FROM feeds
      WHERE ($1::uuid IS NULL OR connection_id > $1)
        AND state IN ('awaiting_activation', 'reauth_required', 'disconnected')
        AND state_since < now() - ${graceInterval} AND state_since > now() - ${awaitedFor}
      ORDER BY connection_id LIMIT $2`,
    [input.afterId, input.limit],
  );
  return rows.map((row) => ({ connectionId: row.connection_id, customerId: row.customer_id }));
}

/** Feeds whose requested check has not begun. */
export async function listFeedsWithRequestedCheck(
  db: Queryable,
  input: { limit: number },
): Promise<string[]> {
  const { rows } = await db.query<{ feed_id: string }>(
    `SELECT feed_id FROM feeds
      WHERE check_requested AND operator = 'running' AND updated_at < now() - ${graceInterval}
        AND (repair_signaled_at IS NULL OR repair_signaled_at < now() - ${wakeAgainAfter})
      ORDER BY feed_id LIMIT $1`,
    [input.limit],
  );
  return rows.map((row) => row.feed_id);
}

export interface UnheardPage {
  /** Idle feeds of the page with a posting that no delivery run has checked. */
  readonly feedIds: readonly string[];
  readonly checked: number;
  /** The page's last feed; null when there is none after it. */
  readonly lastId: string | null;
}

/**
 * Of the next `limit` feeds those whose workflow sleeps although postings arrived. One with a transient failure retries by
 * itself, and one that is not live has a delivery run under way or waits for its facts.
 */
export async function listUnheardFeeds(
  db: Queryable,
  input: { afterId: string | null; limit: number },
): Promise<UnheardPage> {
  const { rows } = await db.query<{ feed_ids: string[]; checked: number; last_id: string | null }>(
    `WITH page AS (
       SELECT feed_id, account_id, examined_sequence, state, reason, repair_signaled_at FROM feeds
        WHERE $1::uuid IS NULL OR feed_id > $1 ORDER BY feed_id LIMIT $2
     ), unheard AS (
       SELECT page.feed_id FROM page JOIN accounts a USING (account_id)
         CROSS JOIN LATERAL (
           SELECT p.received_at FROM postings p
            WHERE (p.account_id || '') = a.account_id AND p.sequence > page.examined_sequence
            ORDER BY p.sequence LIMIT 1) first
        WHERE page.state = 'live' AND page.reason IS NULL AND a.last_sequence > page.examined_sequence
          AND (page.repair_signaled_at IS NULL OR page.repair_signaled_at < now() - ${wakeAgainAfter} OR page.repair_signaled_at < first.received_at)
          AND first.received_at < now() - ${signalledWithin}
     )
     SELECT ARRAY(SELECT feed_id FROM unheard) AS feed_ids, (SELECT count(*)::int FROM page) AS checked,
            (SELECT feed_id FROM page ORDER BY feed_id DESC LIMIT 1) AS last_id`,
    [input.afterId, input.limit],
  );
  const {
    feed_ids: feedIds,
    checked,
    last_id: last,
  } = rows[0] ?? { feed_ids: [], checked: 0, last_id: null };
  return { feedIds, checked, lastId: checked < input.limit ? null : last };
}

/** These feeds were signalled now. Locked in the order of their ids, like everywhere: no two lockers can deadlock. */
export async function markRepairSignaled(
  db: Queryable,
  input: { feedIds: readonly string[] },
): Promise<void> {
  if (input.feedIds.length === 0) return;
  await db.query(
    `WITH locked AS MATERIALIZED (
       SELECT feed_id FROM feeds WHERE feed_id = ANY ($1::uuid[]) ORDER BY feed_id FOR UPDATE
     )
     UPDATE feeds SET repair_signaled_at = now() WHERE feed_id IN (SELECT feed_id FROM locked)`,
    [input.feedIds],
  );
}
