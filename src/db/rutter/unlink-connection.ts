import { lockConnection, readConnection, type ConnectionRow } from '../connections.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';
import { applyTransition, lockFeedsOfConnection } from './feeds.js';
import { closeTransition } from '../../domain/rutter/account-closing.js';

/**
 * How a connection ends, step by step: requested, so that no batch is built any more; nothing in flight; deleted at
 * Rutter by the caller; unlinked, with its feeds closed. Each step may be repeated.
 */

/**
 * Records the request, once, and answers the connection's feeds that are not closed: they are to be woken, since one of
 * them completes the open batch. Null when there is no such connection.
 */
export async function requestUnlink(pool: Pool, input: { connectionId: string }): Promise<string[] | null> {
  return await transaction(pool, async (db) => {
    await lockConnection(db, input);
    const connection = await readConnection(db, input);
    if (connection === null) return null;
    if (connection.unlinkRequestedAt === null) {
      await db.query(
        `UPDATE connections SET unlink_requested_at = now(), updated_at = now() WHERE connection_id = $1`,
        [input.connectionId],
      );
      await report(db, { connection, kind: 'connection_unlink_requested', detail: {} });
    }
    return (await lockFeedsOfConnection(db, input)).map(({ feedId }) => feedId);
  });
}

/**
 * The feed whose batch is in flight; null when none is, and then none is built any more: a build that began before the
 * request has its feed's lock, for which this waits.
 */
export async function readFeedInFlight(pool: Pool, input: { connectionId: string }): Promise<string | null> {
  return await transaction(pool, async (db) => {
    await lockConnection(db, input);
    await lockFeedsOfConnection(db, input);
    const { rows } = await db.query<{ feed_id: string }>(
      `SELECT b.feed_id FROM batches b JOIN feeds f USING (feed_id)
        WHERE f.connection_id = $1 AND b.state = 'open' LIMIT 1`,
      [input.connectionId],
    );
    return rows[0]?.feed_id ?? null;
  });
}

/**
 * The connection does not exist at Rutter any more: its feeds are closed, in one transaction with the timeline. Answers
 * the feeds closed now.
 */
export async function recordUnlinked(
  pool: Pool,
  input: {
    readonly connectionId: string;
    /** It was gone already. */
    readonly wasGone: boolean;
    /** A batch whose outcome stays unknown, since Rutter refuses the connection. */
    readonly feedInFlight: string | null;
  },
): Promise<string[]> {
  return await transaction(pool, async (db) => {
    await lockConnection(db, input);
    const connection = await readConnection(db, input);
    if (connection === null || connection.unlinkedAt !== null) return [];
    const feeds = await lockFeedsOfConnection(db, input);
    for (const feed of feeds) await applyTransition(db, feed, closeTransition('connection'));
    // Those that closed with their accounts cannot open again with them.
    await db.query(
      `UPDATE feeds SET closed_by = 'connection' WHERE connection_id = $1 AND closed_by = 'account'`,
      [input.connectionId],
    );
    await db.query(
      `UPDATE connections SET unlinked_at = now(), status_reason = NULL, updated_at = now()
        WHERE connection_id = $1`,
      [input.connectionId],
    );
    // What a handoff left to publish on it is given up.
    await db.query(
      `UPDATE publications SET later_since = NULL WHERE connection_id = $1 AND later_since IS NOT NULL`,
      [input.connectionId],
    );
    await report(db, {
      connection,
      kind: 'connection_unlinked',
      detail: { was_gone: input.wasGone, feeds_closed: feeds.length, feed_in_flight: input.feedInFlight },
    });
    return feeds.map(({ feedId }) => feedId);
  });
}

/** Rutter refuses to delete the connection; its message (redacted) is for display. */
export async function recordUnlinkRefused(
  db: Queryable,
  input: { connectionId: string; message: string },
): Promise<void> {
  await db.query(
    `UPDATE connections SET status_reason = $2, updated_at = now()
      WHERE connection_id = $1 AND unlinked_at IS NULL AND status_reason IS DISTINCT FROM $2`,
    [input.connectionId, input.message],
  );
}

async function report(
  db: Queryable,
  input: {
    readonly connection: ConnectionRow;
    readonly kind: 'connection_unlink_requested' | 'connection_unlinked';
    readonly detail: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
  const { connection, kind, detail } = input;
  const { customerId, connectionId } = connection;
  await writeTimeline(db, { kind, customerId, connectionId, detail });
}
