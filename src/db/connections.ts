import type { Keyring } from '../crypto/keyring.js';
import { open, seal } from '../crypto/seal.js';
import type { ConnectionFact } from '../domain/feed.js';
import type { LinkState } from '../domain/link-state.js';
import type { Pool, Queryable } from './pool.js';
import { writeTimeline } from './timeline.js';

/** The link of a customer to one Sage company. The token is sealed for `{table: 'connections', row: connectionId}`. */
export interface ConnectionRow {
  readonly connectionId: string;
  readonly customerId: string;
  readonly platform: string;
  readonly rutterConnectionId: string;
  readonly accessTokenSealed: string;
  readonly name: string | null;
  readonly linkUrl: string | null;
  readonly linkState: LinkState;
  readonly status: ConnectionFact;
  readonly providerStatus: string | null;
  readonly statusReason: string | null;
  readonly currentHandoffId: string | null;
  /** Nothing is built for it any more: it ends when its open batch has an outcome. */
  readonly unlinkRequestedAt: string | null;
  /** It is deleted at Rutter, and its feeds are closed. */
  readonly unlinkedAt: string | null;
  readonly createdAt: string;
  /** How often it was refused within a day, and how long ago the last time was, by the database's clock. */
  readonly refusedTimes: number;
  readonly refusedAgoMs: number | null;
}

/** Of the table `connections`, to be read as {@link ConnectionRow}. */
export const connectionColumns = `connection_id AS "connectionId", customer_id AS "customerId", platform,
  rutter_connection_id AS "rutterConnectionId", access_token_sealed AS "accessTokenSealed", name, link_url AS "linkUrl",
  link_state AS "linkState", status, provider_status AS "providerStatus", status_reason AS "statusReason",
  current_handoff_id AS "currentHandoffId", unlink_requested_at AS "unlinkRequestedAt", unlinked_at AS "unlinkedAt",
  created_at AS "createdAt", refused_times AS "refusedTimes",
  extract(epoch FROM clock_timestamp() - refused_at)::float8 * 1000 AS "refusedAgoMs"`;

/** The connection's token, a secret: hold it only as long as the call that needs it. @throws UnsealError */
export function openAccessToken(
  keyring: Keyring,
  connection: { readonly connectionId: string; readonly accessTokenSealed: string },
): string {
  return open(keyring, connection.accessTokenSealed, { table: 'connections', row: connection.connectionId });
}

/** A token as it may be stored in the row of this connection, and only there. */
export function sealAccessToken(
  keyring: Keyring,
  input: { connectionId: string; accessToken: string },
): string {
  return seal(keyring, input.accessToken, { table: 'connections', row: input.connectionId });
}

/** The connection, or null when there is none. */
export async function readConnection(
  db: Queryable,
  input: { connectionId: string },
): Promise<ConnectionRow | null> {
  const { rows } = await db.query<ConnectionRow>(
    `SELECT ${connectionColumns} FROM connections WHERE connection_id = $1`,
    [input.connectionId],
  );
  return rows[0] ?? null;
}

/**
 * Locks the connection's row until the transaction ends, before any handoff or feed of it is locked. Foreign keys do not
 * wait for it: building a batch refers to the connection while it holds its feed.
 */
export async function lockConnection(db: Queryable, input: { connectionId: string }): Promise<void> {
  await db.query(`SELECT 1 FROM connections WHERE connection_id = $1 FOR NO KEY UPDATE`, [
    input.connectionId,
  ]);
}

/** The connection by Rutter's id, locked until the transaction ends; null when we have none. */
export async function lockConnectionByRutterId(
  db: Queryable,
  input: { rutterConnectionId: string },
): Promise<ConnectionRow | null> {
  const { rows } = await db.query<ConnectionRow>(
    `SELECT ${connectionColumns} FROM connections WHERE rutter_connection_id = $1 FOR UPDATE`,
    [input.rutterConnectionId],
  );
  return rows[0] ?? null;
}

/** What a new connection is stored with. */
export interface NewConnection {
  readonly connectionId: string;
  readonly customerId: string;
  readonly platform: string;
  readonly rutterConnectionId: string;
  readonly accessTokenSealed: string;
  readonly name: string | null;
  readonly linkUrl: string | null;
  readonly linkState: LinkState;
}

/**
 * Stores a connection made at Rutter with its timeline row. False when Rutter's id is stored already:
 * then read that row. Call it in a transaction.
 */
export async function insertConnection(
  db: Queryable,
  input: NewConnection & { how: 'created' | 'exchanged' | 'adopted' },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO connections (connection_id, customer_id, platform, rutter_connection_id, access_token_sealed, name, link_url, link_state)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (rutter_connection_id) DO NOTHING`,
    [
      input.connectionId,
      input.customerId,
      input.platform,
      input.rutterConnectionId,
      input.accessTokenSealed,
      input.name,
      input.linkUrl,
      input.linkState,
    ],
  );
  if (rowCount !== 1) return false;
  await writeTimeline(db, {
    kind: 'connection_created',
    customerId: input.customerId,
    connectionId: input.connectionId,
    detail: { how: input.how, platform: input.platform },
  });
  return true;
}

/** Writes Rutter's current answer about a connection, and a new token if there is one. Absent fields keep their values. */
export async function updateConnection(
  db: Queryable,
  input: {
    connectionId: string;
    accessTokenSealed?: string;
    platform?: string;
    linkUrl?: string | null;
    linkState?: LinkState;
    facts?: { status: ConnectionFact; providerStatus: string; reason: string | null };
  },
): Promise<void> {
  await db.query(
    `UPDATE connections SET access_token_sealed = coalesce($2, access_token_sealed), platform = coalesce($3, platform),
            link_url = coalesce($4, link_url), status = coalesce($5, status), link_state = coalesce($8, link_state),
            provider_status = coalesce($6, provider_status),
            status_reason = CASE WHEN $5::text IS NULL THEN status_reason ELSE $7 END, updated_at = now()
      WHERE connection_id = $1`,
    [
      input.connectionId,
      input.accessTokenSealed ?? null,
      input.platform ?? null,
      input.linkUrl ?? null,
      input.facts?.status ?? null,
      input.facts?.providerStatus ?? null,
      input.facts?.reason ?? null,
      input.linkState ?? null,
    ],
  );
}

/**
 * Makes a handoff the one that may ask for a one-time password on its connection, since each new password cancels
 * the one before (contract 7). The latest handoff to choose the connection wins: a customer who begins again in another window
 * continues there. The one before, unless it has ended, becomes `superseded` and loses its answer; it never claims
 * again. Call it in a transaction and before locking any handoff: the connection's row is locked first everywhere.
 */
export async function claimConnection(
  db: Queryable,
  input: { connectionId: string; handoffId: string },
): Promise<void> {
  const { rows } = await db.query<{ current_handoff_id: string | null }>(
    `SELECT current_handoff_id FROM connections WHERE connection_id = $1 FOR UPDATE`,
    [input.connectionId],
  );
  const before = rows[0]?.current_handoff_id ?? null;
  if (before === input.handoffId) return;
  if (before !== null) {
    await db.query(
      `WITH superseded AS (
         UPDATE handoffs SET state = 'superseded', answer_sealed = NULL, ended_at = now(), updated_at = now()
          WHERE handoff_id = $1 AND state IN ('opened', 'logged_in', 'sharing', 'ready') RETURNING 1
       )
       INSERT INTO handoff_counts AS c (outcome, count) SELECT 'superseded', 1 FROM superseded
       ON CONFLICT (outcome, reason) DO UPDATE SET count = c.count + EXCLUDED.count`,
      [before],
    );
  }
  await db.query(
    `UPDATE connections SET current_handoff_id = $2, updated_at = now() WHERE connection_id = $1`,
    [input.connectionId, input.handoffId],
  );
}

/** Longer than the activity that takes a turn may last: PostgreSQL ends the transaction of a process that hangs in it. */
const turnMaxMs = 60_000;

/**
 * Runs `work` while no other process of the installation does so for the same connection. It waits for its turn (at
 * most the time-out for locks, then throws) and holds one database connection in a transaction with nothing but the lock,
 * which is kept so by a pooler in transaction mode, too, and ends with the process. `work` gets the pool: what it writes
 * is stored at once.
 */
export async function withConnectionTurn<T>(
  pool: Pool,
  input: { connectionId: string },
  work: (db: Queryable) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | boolean = true;
  try {
    await client.query(
      `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = ${String(turnMaxMs)}`,
    );
    // The key of version 0.2.0, whose workers take the same turns during a deployment.
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('connection-turn/' || $1, 0))`, [
      input.connectionId,
    ]);
    const result = await work(pool);
    broken = false;
    return result;
  } finally {
    // After an error the connection is thrown away: that releases the lock in any state.
    if (!broken) {
      await client.query('COMMIT').catch((error: unknown) => {
        broken = error instanceof Error ? error : true;
      });
    }
    client.release(broken);
  }
}
