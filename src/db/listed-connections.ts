import { connectionColumns, type ConnectionRow } from './connections.js';
import type { Queryable } from './pool.js';

/** A connection as lists show it. */
export interface ListedConnection extends ConnectionRow {
  /** Feeds whose account was ever linked in Sage and is not closed. */
  readonly linkedFeeds: number;
  /** The feed whose batch is in flight. */
  readonly openBatchFeedId: string | null;
}

/** A customer has few connections; a list never shows more than this. */
const listedConnectionsMax = 200;

const listedColumns = `${connectionColumns},
  (SELECT count(*)::int FROM feeds f WHERE f.connection_id = connections.connection_id
      AND f.operator <> 'closed' AND f.account_status <> 'waiting') AS "linkedFeeds",
  (SELECT f.feed_id FROM feeds f JOIN batches b ON b.feed_id = f.feed_id AND b.state = 'open'
    WHERE f.connection_id = connections.connection_id LIMIT 1) AS "openBatchFeedId"`;

/** One connection as lists show it, or null when there is none. */
export async function readListedConnection(
  db: Queryable,
  input: { connectionId: string },
): Promise<ListedConnection | null> {
  const { rows } = await db.query<ListedConnection>(
    `SELECT ${listedColumns} FROM connections WHERE connection_id = $1`,
    [input.connectionId],
  );
  return rows[0] ?? null;
}

/** A customer's connections, oldest first. */
export async function listConnectionsOfCustomer(
  db: Queryable,
  input: { customerId: string },
): Promise<ListedConnection[]> {
  return await list(db, { ...input, which: 'true' });
}

/** Those of them that handoffs may use: none that is unlinked, or about to be. */
export async function listUsableConnections(
  db: Queryable,
  input: { customerId: string },
): Promise<ListedConnection[]> {
  return await list(db, { ...input, which: 'unlink_requested_at IS NULL' });
}

async function list(
  db: Queryable,
  input: { customerId: string; which: string },
): Promise<ListedConnection[]> {
  const { rows } = await db.query<ListedConnection>(
    `SELECT ${listedColumns} FROM connections WHERE customer_id = $1 AND ${input.which}
      ORDER BY created_at, connection_id LIMIT ${listedConnectionsMax}`,
    [input.customerId],
  );
  return rows;
}
