import type { Queryable } from '../pool.js';

/** What the repair tasks check, page by page in the order of ids. All reads; a page is a few index lookups a row. */

/** Newer rows may not have their workflow or their signal yet: the process that wrote them may still be starting it. */
const graceInterval = `interval '1 minute'`;
/** A posting is signaled with its ingestion; after this long the signal counts as lost. */
const signaledWithin = `interval '15 seconds'`;
/** A feed that the repair job has woken is not woken again for the same postings before this. */
const wakeAgainAfter = `interval '10 minutes'`;
/** Connections are checked while something is awaited; after 30 days only on a wake-up (`awaitAtAllMs`). */
const awaitedFor = `interval '30 days'`;

export interface FeedToCheck {
  readonly feedId: string;
  readonly customerId: string;
  readonly connectionId: string;
}

/** Feeds that must have a workflow, after `afterId`: open ones, and closed ones with a batch in flight. */
export async function listFeedsToCheck(
  db: Queryable,
  input: { afterId: string | null; limit: number },
): Promise<FeedToCheck[]> {
  const { rows } = await db.query<FeedToCheck>(
    `SELECT feed_id AS "feedId", customer_id AS "customerId", connection_id AS "connectionId" FROM feeds
      WHERE ($1::uuid IS NULL OR feed_id > $1) AND (operator <> 'closed' OR ${hasBatchInFlight}) AND created_at < now() - ${graceInterval}
        AND state_since < now() - ${graceInterval}
      ORDER BY feed_id LIMIT $2`,
    [input.afterId, input.limit],
  );
  return rows;
}

/**
 * Of a connection that is unlinked no outcome can be learned any more, of one that is refused not now: the workflow of a
 * closed feed would end at once, and be missing again.
 */
const hasBatchInFlight = `EXISTS (SELECT 1 FROM batches b JOIN connections c ON c.connection_id = b.connection_id
   WHERE b.feed_id = feeds.feed_id AND b.state = 'open' AND c.unlinked_at IS NULL AND c.status <> 'refused')`;

export interface ConnectionToCheck {
  readonly connectionId: string;
  readonly customerId: string;
}

/**
 * Connections on which something is awaited that is still polled (an activation, a recovery, the end of Rutter Link),
 * accounts are left to publish, or that are to be unlinked.
 */
export async function listConnectionsToCheck(
  db: Queryable,
  input: { afterId: string | null; limit: number },
): Promise<ConnectionToCheck[]> {
  const { rows } = await db.query<ConnectionToCheck>(
    `SELECT connection_id AS "connectionId", customer_id AS "customerId" FROM feeds
      WHERE ($1::uuid IS NULL OR connection_id > $1)
        AND state IN ('awaiting_activation', 'reauth_required', 'disconnected')
        AND state_since < now() - ${graceInterval} AND state_since > now() - ${awaitedFor}
     UNION
     SELECT c.connection_id, c.customer_id FROM publications p JOIN connections c USING (connection_id)
      WHERE ($1::uuid IS NULL OR c.connection_id > $1)
        AND c.unlink_requested_at IS NULL AND p.later_since < now() - ${graceInterval} AND p.later_since > now() - ${awaitedFor}
     UNION
     SELECT connection_id, customer_id FROM connections
      WHERE ($1::uuid IS NULL OR connection_id > $1)
        AND unlink_requested_at < now() - ${graceInterval} AND unlinked_at IS NULL
     UNION
     SELECT connection_id, customer_id FROM connections
      WHERE ($1::uuid IS NULL OR connection_id > $1) AND link_state = 'awaited' AND unlink_requested_at IS NULL
        AND created_at < now() - ${graceInterval} AND created_at > now() - ${awaitedFor}
      ORDER BY "connectionId" LIMIT $2`,
    [input.afterId, input.limit],
  );
  return rows;
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

export interface UnwokenPage {
  /** Idle feeds of the page with a posting that no delivery run has checked. */
  readonly feedIds: readonly string[];
  readonly checked: number;
  /** The page's last feed; null when there is none after it. */
  readonly lastId: string | null;
}

/**
 * Of the next `limit` feeds those whose workflow sleeps although postings arrived. One with a transient failure retries by
 * itself, and one that is not live has a delivery run in progress or waits for its facts.
 */
export async function listUnwokenFeeds(
  db: Queryable,
  input: { afterId: string | null; limit: number },
): Promise<UnwokenPage> {
  const { rows } = await db.query<UnwokenPage>(
    `WITH page AS (
       SELECT feed_id, account_id, least(examined_sequence, examined_by_day_sequence) AS examined_sequence, state, reason,
              repair_signaled_at, closed_by, account_status
         FROM feeds
        WHERE $1::uuid IS NULL OR feed_id > $1 ORDER BY feed_id LIMIT $2
     ), unwoken AS (
       SELECT page.feed_id FROM page JOIN accounts a USING (account_id)
         CROSS JOIN LATERAL (
           SELECT p.received_at FROM postings p
            WHERE (p.account_id || '') = a.account_id AND p.sequence > page.examined_sequence
            ORDER BY p.sequence LIMIT 1) first
        WHERE (page.state = 'live' OR page.closed_by = 'account' AND page.account_status = 'active')
          AND page.reason IS NULL AND a.last_sequence > page.examined_sequence
          AND (page.repair_signaled_at IS NULL OR page.repair_signaled_at < now() - ${wakeAgainAfter} OR page.repair_signaled_at < first.received_at)
          AND first.received_at < now() - ${signaledWithin}
     )
     SELECT ARRAY(SELECT feed_id FROM unwoken) AS "feedIds", (SELECT count(*)::int FROM page) AS checked,
            (SELECT feed_id FROM page ORDER BY feed_id DESC LIMIT 1) AS "lastId"`,
    [input.afterId, input.limit],
  );
  const page = rows[0] ?? { feedIds: [], checked: 0, lastId: null };
  return { ...page, lastId: page.checked < input.limit ? null : page.lastId };
}

/** These feeds were signaled now. Locked in the order of their ids, like everywhere: no two lockers can deadlock. */
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
