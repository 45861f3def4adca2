import { randomUUID } from 'node:crypto';
import type { SageLinkPurpose, SageLinkState } from '../../domain/sage-banking/states.js';
import type { SageLinkReason } from '../../domain/sage-banking/bank-link.js';
import type { Queryable } from '../pool.js';
import { storableText, storableTextOrNull } from '../storable-json.js';
import { writeTimeline } from '../timeline.js';

/**
 * Bank consents. Redirect, poll route and account are sealed for `{table: 'sage_links', row: linkId}` and
 * the column's name without `_sealed`. All times are the database's.
 */
export interface SageLinkRow {
  readonly linkId: string;
  readonly customerId: string;
  /** The company. */
  readonly connectionId: string;
  readonly purpose: SageLinkPurpose;
  readonly state: SageLinkState;
  readonly bankId: string;
  readonly bankName: string | null;
  readonly requestedStartDate: string | null;
  readonly sageAccountId: string | null;
  readonly redirectSealed: string | null;
  readonly pollRouteSealed: string | null;
  readonly pollPeriodMs: number | null;
  /** Consent sessions begun. More than one: the customer has to open the bank's pages again. */
  readonly attempts: number;
  readonly expiresAt: string | null;
  /** When the link expires; null before the first consent session has begun. */
  readonly remainingMs: number | null;
  readonly accountSealed: string | null;
  readonly reason: SageLinkReason | null;
  readonly message: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** How long nothing has changed in the row. */
  readonly unchangedMs: number;
}

const columns = `link_id AS "linkId", customer_id AS "customerId", connection_id AS "connectionId", purpose, state,
  bank_id AS "bankId", bank_name AS "bankName", requested_start_date AS "requestedStartDate",
  sage_account_id AS "sageAccountId", redirect_sealed AS "redirectSealed", poll_route_sealed AS "pollRouteSealed",
  poll_period_ms AS "pollPeriodMs", attempts, expires_at AS "expiresAt",
  (extract(epoch FROM expires_at - clock_timestamp()) * 1000)::float8 AS "remainingMs",
  account_sealed AS "accountSealed", reason, message, created_at AS "createdAt", updated_at AS "updatedAt",
  (extract(epoch FROM clock_timestamp() - updated_at) * 1000)::float8 AS "unchangedMs"`;

export async function readSageLink(db: Queryable, input: { linkId: string }): Promise<SageLinkRow | null> {
  const { rows } = await db.query<SageLinkRow>(`SELECT ${columns} FROM sage_links WHERE link_id = $1`, [
    input.linkId,
  ]);
  return rows[0] ?? null;
}

export type NewSageLink = Pick<
  SageLinkRow,
  | 'customerId'
  | 'connectionId'
  | 'purpose'
  | 'bankId'
  | 'bankName'
  | 'requestedStartDate'
  | 'sageAccountId'
  | 'accountSealed'
> & {
  /** The same for a repeated request; absent: a new one. */
  readonly linkId?: string;
};

/** Stores a link with its timeline row; one that is stored already is not changed. Call it in a transaction. */
export async function insertSageLink(db: Queryable, input: NewSageLink): Promise<{ linkId: string }> {
  const linkId = input.linkId ?? randomUUID();
  const { rowCount } = await db.query(
    `INSERT INTO sage_links (link_id, customer_id, connection_id, purpose, bank_id, bank_name, requested_start_date,
                             sage_account_id, account_sealed)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (link_id) DO NOTHING`,
    [
      linkId,
      input.customerId,
      input.connectionId,
      input.purpose,
      input.bankId,
      input.bankName,
      input.requestedStartDate,
      input.sageAccountId,
      input.accountSealed,
    ],
  );
  if (rowCount === 1) {
    await recordEvent(db, { ...input, linkId }, 'sage_link_begun', {
      purpose: input.purpose,
      bank_id: input.bankId,
    });
  }
  return { linkId };
}

/**
 * Stores a consent session that Sage has opened: the redirect, and the one route that may be polled. The time of a
 * link begins with its first session; a later one does not extend it. False when the link has ended, has its account,
 * or another attempt has stored its session: the customer may have been redirected there.
 */
export async function storeConsentSession(
  db: Queryable,
  input: {
    linkId: string;
    redirectSealed: string;
    pollRouteSealed: string;
    pollPeriodMs: number;
    /** How long a consent session lives. */
    lifetimeMs: number;
    /** How long the call took: the session began some time during it. */
    startedAgoMs: number;
  },
): Promise<boolean> {
  const { rows } = await db.query<LinkSubject & { attempts: number }>(
    `UPDATE sage_links SET redirect_sealed = $2, poll_route_sealed = $3, poll_period_ms = $4, attempts = attempts + 1,
            updated_at = now(),
            expires_at = coalesce(expires_at,
                                  clock_timestamp() + ($5::float8 - $6::float8) * interval '1 millisecond')
      WHERE link_id = $1 AND state = 'waiting' AND poll_route_sealed IS NULL AND account_sealed IS NULL
      RETURNING ${eventColumns}, attempts`,
    [
      input.linkId,
      input.redirectSealed,
      input.pollRouteSealed,
      input.pollPeriodMs,
      input.lifetimeMs,
      input.startedAgoMs,
    ],
  );
  const row = rows[0];
  if (row === undefined) return false;
  if (row.attempts > 1) await recordEvent(db, row, 'sage_link_begun_again', { attempts: row.attempts });
  return true;
}

/**
 * The poll route was used and returned another one: from now on only that may be polled. `spentSealed` as it was read: a
 * late answer of an earlier session must not replace the route of a later one.
 */
export async function storeNextRoute(
  db: Queryable,
  input: { linkId: string; spentSealed: string; pollRouteSealed: string; pollPeriodMs: number },
): Promise<void> {
  await db.query(
    `UPDATE sage_links SET poll_route_sealed = $3, poll_period_ms = $4, updated_at = now()
      WHERE link_id = $1 AND state = 'waiting' AND poll_route_sealed = $2`,
    [input.linkId, input.spentSealed, input.pollRouteSealed, input.pollPeriodMs],
  );
}

/** The route was used and its answer lost: the session can no longer be polled. */
export async function clearLinkRoute(
  db: Queryable,
  input: { linkId: string; spentSealed: string },
): Promise<void> {
  await db.query(
    `UPDATE sage_links SET poll_route_sealed = NULL, redirect_sealed = NULL, updated_at = now()
      WHERE link_id = $1 AND state = 'waiting' AND poll_route_sealed = $2`,
    [input.linkId, input.spentSealed],
  );
}

/** The bank of a link, as Sage calls it. */
export async function storeLinkBank(
  db: Queryable,
  input: { linkId: string; bankName: string },
): Promise<void> {
  await db.query(
    `UPDATE sage_links SET bank_name = $2, updated_at = now() WHERE link_id = $1 AND state = 'waiting'`,
    [input.linkId, storableText(input.bankName)],
  );
}

/** The bank has approved: Sage's data of the account is stored sealed until it is created; the bank consent is removed. */
export async function storeLinkedAccount(
  db: Queryable,
  input: { linkId: string; accountSealed: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE sage_links SET account_sealed = $2, poll_route_sealed = NULL, redirect_sealed = NULL, message = NULL,
            updated_at = now()
      WHERE link_id = $1 AND state = 'waiting'`,
    [input.linkId, input.accountSealed],
  );
  return rowCount === 1;
}

export type SageLinkEnding =
  | { readonly state: 'linked'; readonly sageAccountId: string }
  | {
      readonly state: 'refused' | 'expired';
      readonly reason: SageLinkReason;
      /** Sage's message or a sentence of ours, for display; never an address. */
      readonly message: string | null;
      /** Codes for the timeline. */
      readonly detail?: Readonly<Record<string, unknown>>;
    };

/**
 * Ends a link, with its timeline row; its secrets are cleared. One that has ended is not changed. Call it in a
 * transaction.
 */
export async function endSageLink(
  db: Queryable,
  input: { linkId: string; ending: SageLinkEnding },
): Promise<void> {
  const { ending } = input;
  const failed = ending.state === 'linked' ? null : ending;
  const { rows } = await db.query<LinkSubject & { purpose: SageLinkPurpose }>(
    `UPDATE sage_links SET state = $2, sage_account_id = coalesce($3, sage_account_id), reason = $4, message = $5,
            poll_route_sealed = NULL, redirect_sealed = NULL, account_sealed = NULL, updated_at = now()
      WHERE link_id = $1 AND state = 'waiting' RETURNING ${eventColumns}, purpose`,
    [
      input.linkId,
      ending.state,
      ending.state === 'linked' ? ending.sageAccountId : null,
      failed?.reason ?? null,
      storableTextOrNull(failed?.message),
    ],
  );
  const row = rows[0];
  if (row === undefined) return;
  const { purpose } = row;
  if (failed === null) await recordEvent(db, row, 'sage_link_done', { purpose });
  else
    await recordEvent(db, row, 'sage_link_failed', {
      purpose,
      state: failed.state,
      reason: failed.reason,
      ...failed.detail,
    });
}

interface LinkSubject {
  readonly linkId: string;
  readonly customerId: string;
  readonly connectionId: string;
  readonly sageAccountId: string | null;
}
const eventColumns = `link_id AS "linkId", customer_id AS "customerId", connection_id AS "connectionId",
  sage_account_id AS "sageAccountId"`;

/** A renewal, and the link of an account, are on the account's own timeline too. */
async function recordEvent(
  db: Queryable,
  link: LinkSubject,
  kind: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  await writeTimeline(db, {
    kind,
    customerId: link.customerId,
    connectionId: link.connectionId,
    feedId: link.sageAccountId,
    detail: { link_id: link.linkId, ...detail },
  });
}

/** Newer ones may not have their workflow yet: the process that wrote them may still be starting it. */
const completedAfter = `interval '1 minute'`;

/** Links that must have a workflow, after `afterId`. */
export async function listLinksToCheck(
  db: Queryable,
  input: { afterId: string | null; limit: number },
): Promise<string[]> {
  const { rows } = await db.query<{ link_id: string }>(
    `SELECT link_id FROM sage_links WHERE state = 'waiting' AND created_at < now() - ${completedAfter}
        AND ($1::uuid IS NULL OR link_id > $1)
      ORDER BY link_id LIMIT $2`,
    [input.afterId, input.limit],
  );
  return rows.map((row) => row.link_id);
}
