import { closeTransition } from '../../domain/rutter/account-closing.js';
import type { HandoffState } from '../../domain/rutter/handoff.js';
import { lockConnection } from '../connections.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';
import { applyTransition, lockFeedsOfConnection } from './feeds.js';
import { countHandoffEnds } from './handoff-counts.js';

/** Ends of handoffs that no workflow records: by the customer, of unused links, of refused ones. */

export type CancelResult =
  /** `closedFeedIds`: accounts that this handoff had published; their workflows are to be woken. */
  | { readonly kind: 'cancelled'; readonly closedFeedIds: readonly string[] }
  /** It had ended before, or its deadline has passed. */
  | { readonly kind: 'over'; readonly state: HandoffState }
  /** Another browser's customer has signed in to it. */
  | { readonly kind: 'not_yours' };

/** A connection is created at most once in a handoff, so its row is as it was read at the second look. */
const looksMax = 3;

/**
 * Ends a handoff for the customer who signed in to it, or, before anybody has, for the browser that opened it. From then
 * on it publishes nothing: the redirect is cleared, accounts left to publish are given up, and feeds that it opened,
 * which nobody can have chosen in Sage, are closed. Feeds that existed before stay. Repeating it changes nothing.
 */
export async function cancelHandoff(
  pool: Pool,
  input: { handoffId: string; customerId: string | null },
): Promise<CancelResult> {
  for (let looks = 1; ; looks += 1) {
    const result = await transaction(pool, (db) => cancelOnce(db, input));
    if (result !== null) return result;
    if (looks >= looksMax) throw new Error('the connection of a handoff changes all the time');
  }
}

interface CancelledRow {
  state: HandoffState;
  customer_id: string | null;
  connection_id: string | null;
  is_late: boolean;
}

/** Null when the handoff has got its connection meanwhile: the connection's row is to be locked before the handoff's. */
async function cancelOnce(
  db: Queryable,
  { handoffId, customerId }: { handoffId: string; customerId: string | null },
): Promise<CancelResult | null> {
  const read = `SELECT state, customer_id, connection_id, deadline_at <= clock_timestamp() AS is_late
                  FROM handoffs WHERE handoff_id = $1`;
  const connectionId = (await db.query<CancelledRow>(read, [handoffId])).rows[0]?.connection_id ?? null;
  if (connectionId !== null) await lockConnection(db, { connectionId });
  const row = (await db.query<CancelledRow>(`${read} FOR UPDATE`, [handoffId])).rows[0];
  if (row === undefined) return { kind: 'over', state: 'expired' };
  if (row.connection_id !== connectionId) return null;
  if (row.customer_id !== customerId) return { kind: 'not_yours' };
  if (!['opened', 'logged_in', 'sharing', 'ready'].includes(row.state))
    return { kind: 'over', state: row.state };
  if (row.is_late) return { kind: 'over', state: 'expired' };
  await db.query(
    `UPDATE handoffs SET state = 'refused', reason = 'cancelled', answer_sealed = NULL, ended_at = now(), updated_at = now()
      WHERE handoff_id = $1`,
    [handoffId],
  );
  const closedFeedIds = connectionId === null ? [] : await takeBack(db, { handoffId, connectionId });
  await writeTimeline(db, {
    kind: 'handoff_cancelled',
    customerId,
    connectionId,
    detail: { feeds_closed: closedFeedIds.length },
  });
  await countHandoffEnds(db, { reason: 'cancelled' });
  return { kind: 'cancelled', closedFeedIds };
}

/**
 * Closes feeds that were opened, or opened again, since the customer's choice, and that Sage has not chosen. A change of
 * their state alone does not count: a feed from before may have come back with the connection.
 */
async function takeBack(
  db: Queryable,
  input: { handoffId: string; connectionId: string },
): Promise<string[]> {
  await db.query(
    `UPDATE publications SET later_since = NULL WHERE handoff_id = $1 AND later_since IS NOT NULL`,
    [input.handoffId],
  );
  const { rows } = await db.query<{ feed_id: string }>(
    `SELECT f.feed_id FROM handoffs h
       JOIN publications p ON p.handoff_id = h.handoff_id AND p.connection_id = h.connection_id
       JOIN feeds f ON f.connection_id = p.connection_id AND f.account_id = p.account_id
      WHERE h.handoff_id = $1 AND f.operator <> 'closed' AND f.account_status = 'waiting'
        AND (f.published_at >= h.shared_at
             OR EXISTS (SELECT 1 FROM timeline t WHERE t.feed_id = f.feed_id AND t.kind = 'feed_reopened'
                           AND t.at >= h.shared_at))`,
    [input.handoffId],
  );
  if (rows.length === 0) return [];
  const opened = new Set(rows.map((row) => row.feed_id));
  const feeds = (await lockFeedsOfConnection(db, input)).filter(
    ({ feedId, facts }) => opened.has(feedId) && facts.account === 'waiting',
  );
  for (const feed of feeds)
    await applyTransition(db, feed, closeTransition('request', { why: 'handoff_cancelled' }));
  return feeds.map(({ feedId }) => feedId);
}

/** A login link that was refused. Its id is of no challenge. */
export interface RefusedLink {
  readonly handoffId: string;
  readonly problem: string;
  readonly fetchSite: string | null;
  readonly refererOrigin: string | null;
}

/**
 * Records a refused link in a row of its own: nothing else tells operators that links do not fit the configuration.
 * `count` is of it and those before it that got no row.
 */
export async function recordRefusedLink(
  pool: Pool,
  input: RefusedLink & { readonly count: number },
): Promise<void> {
  await transaction(pool, async (db) => {
    await db.query(
      `INSERT INTO handoffs (handoff_id, state, deadline_at, redirect_sealed, fetch_site, referer_origin, reason, error_code,
                             ended_at)
       VALUES ($1, 'refused', now(), '', $2, $3, 'link_refused', $4, now())`,
      [input.handoffId, input.fetchSite, input.refererOrigin, input.problem],
    );
    await countHandoffEnds(db, { reason: 'link_refused' }, input.count);
  });
}

/** Counts refused links that get no row. */
export async function countRefusedLinks(pool: Pool, count: number): Promise<void> {
  await countHandoffEnds(pool, { reason: 'link_refused' }, count);
}

const unusedAtOnceMax = 1_000;

/** Ends links past their deadline to which nobody signed in; they have no workflow. Answers how many. */
export async function endUnusedHandoffs(pool: Pool): Promise<number> {
  return await transaction(pool, async (db) => {
    const { rows } = await db.query<{ reason: 'sign_in_refused' | 'not_signed_in'; count: number }>(
      `WITH unused AS (
         UPDATE handoffs SET state = 'expired', ended_at = deadline_at, updated_at = now(),
                reason = CASE WHEN sign_in_failures > 0 THEN 'sign_in_refused' ELSE 'not_signed_in' END
          WHERE handoff_id IN (SELECT handoff_id FROM handoffs WHERE state = 'opened' AND deadline_at < now()
                                ORDER BY deadline_at LIMIT ${String(unusedAtOnceMax)} FOR UPDATE SKIP LOCKED)
         RETURNING reason
       ) SELECT reason, count(*)::int AS count FROM unused GROUP BY reason ORDER BY reason`,
    );
    for (const { reason, count } of rows) await countHandoffEnds(db, { reason }, count);
    return rows.reduce((sum, { count }) => sum + count, 0);
  });
}
