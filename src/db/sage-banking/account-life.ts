import type { DegradedCause } from '../../domain/feed-status.js';
import type { SageAccountStatus } from '../../domain/sage-banking/states.js';
import type { SageAccountReason } from '../../domain/sage-banking/account-limits.js';
import {
  accountFailing,
  awaitsAuthorization,
  mayRequestCancellation,
  statusChanged,
} from '../../domain/sage-banking/account-transitions.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { lockSageAccount, whereOf, type SageAccountRow } from './accounts.js';
import { storableTextOrNull } from '../storable-json.js';
import { writeTimeline } from '../timeline.js';

/** What the checks of an account change of its row; decided in `domain/sage-banking/account-transitions.ts`. */

/** What Sage returns for an account with every check. */
export interface SageAccountSeen {
  readonly status: SageAccountStatus;
  readonly statusReason: string | null;
  readonly currency: string | null;
  /** A balance that is null keeps the last one that was reported. */
  readonly ledgerBalance: SageBalance | null;
  readonly availableBalance: SageBalance | null;
  /** For a direct bank; new with every check. Null when Sage returns nothing of it. */
  readonly authorisationSealed: string | null;
}

/** An amount as decimal text, and the day or instant of it as Sage writes it. */
export interface SageBalance {
  readonly amount: string;
  readonly date: string | null;
}

/**
 * Stores what Sage returned in a check that succeeded: it clears any failure there was before. `nextCheckMs` is 0
 * while there is more to read. A change of status is on the timeline. Cancelled is final. Null when the account is gone.
 */
export async function recordSageCheck(
  pool: Pool,
  input: { sageAccountId: string; seen: SageAccountSeen; nextCheckMs: number },
): Promise<SageAccountRow | null> {
  return await transaction(pool, async (db) => {
    const before = await lockSageAccount(db, input);
    if (before === null || before.status === 'cancelled') return before;
    const { seen } = input;
    await db.query(
      `UPDATE sage_accounts SET status_reason = $2, currency = coalesce($3, currency),
              authorisation_sealed = CASE WHEN $6 THEN coalesce($4, authorisation_sealed) END,
              ledger_balance = coalesce($7::numeric, ledger_balance),
              ledger_balance_date = CASE WHEN $7::numeric IS NULL THEN ledger_balance_date ELSE $8 END,
              available_balance = coalesce($9::numeric, available_balance),
              available_balance_date = CASE WHEN $9::numeric IS NULL THEN available_balance_date ELSE $10 END,
              balances_at = CASE WHEN coalesce($7::numeric, $9::numeric) IS NULL THEN balances_at ELSE clock_timestamp() END,
              last_read_at = clock_timestamp(), reason = NULL, reason_detail = NULL, reason_at = NULL,
              degraded_since = NULL, degraded_cause = NULL, next_attempt_at = NULL,
              next_read_at = clock_timestamp() + $5::float8 * interval '1 millisecond', updated_at = now()
        WHERE sage_account_id = $1`,
      [
        input.sageAccountId,
        storableTextOrNull(seen.statusReason),
        storableTextOrNull(seen.currency),
        seen.authorisationSealed,
        input.nextCheckMs,
        awaitsAuthorization(seen.status),
        seen.ledgerBalance?.amount ?? null,
        storableTextOrNull(seen.ledgerBalance?.date),
        seen.availableBalance?.amount ?? null,
        storableTextOrNull(seen.availableBalance?.date),
      ],
    );
    await changeStatus(db, before, seen.status);
    return await lockSageAccount(db, input);
  });
}

/** Sage has cancelled the account, for us or by itself. Nothing follows. */
export async function recordSageCancelled(pool: Pool, input: { sageAccountId: string }): Promise<void> {
  await transaction(pool, async (db) => {
    const before = await lockSageAccount(db, input);
    if (before !== null) await changeStatus(db, before, 'cancelled');
  });
}

async function changeStatus(db: Queryable, before: SageAccountRow, status: SageAccountStatus): Promise<void> {
  const event = statusChanged(before, status);
  if (event === null) return;
  await db.query(
    `UPDATE sage_accounts SET status = $2, status_since = clock_timestamp(), updated_at = now(),
            authorisation_sealed = CASE WHEN $2 <> 'cancelled' THEN authorisation_sealed END,
            cancelled_at = CASE WHEN $2 = 'cancelled' THEN clock_timestamp() END,
            next_read_at = CASE WHEN $2 = 'cancelled' THEN NULL ELSE next_read_at END,
            reason = CASE WHEN $2 = 'cancelled' THEN NULL ELSE reason END,
            degraded_since = CASE WHEN $2 <> 'cancelled' THEN degraded_since END,
            degraded_cause = CASE WHEN $2 <> 'cancelled' THEN degraded_cause END,
            next_attempt_at = CASE WHEN $2 <> 'cancelled' THEN next_attempt_at END
      WHERE sage_account_id = $1`,
    [before.sageAccountId, status],
  );
  await writeTimeline(db, { ...whereOf(before), ...event });
}

/** Why the account was not read; a reason that changes is on the timeline, one that stays keeps its time. */
export async function recordSageReason(
  pool: Pool,
  input: {
    sageAccountId: string;
    reason: SageAccountReason;
    detail: string | null;
    /** Of a reason that passes by itself: why, and how long until the next attempt. */
    degraded?: { readonly cause: DegradedCause; readonly nextAttemptMs: number };
  },
): Promise<void> {
  const { degraded } = input;
  await transaction(pool, async (db) => {
    const before = await lockSageAccount(db, input);
    const failing = before === null ? null : accountFailing(before, input.reason);
    if (before === null || failing === null) return;
    await db.query(
      `UPDATE sage_accounts SET reason = $2, reason_detail = $3, updated_at = now(),
              degraded_since = CASE WHEN $4::text IS NULL THEN NULL WHEN reason IS NULL THEN clock_timestamp()
                                    ELSE coalesce(degraded_since, clock_timestamp()) END,
              degraded_cause = $4, next_attempt_at = clock_timestamp() + $5::float8 * interval '1 millisecond',
              reason_at = CASE WHEN reason IS NOT DISTINCT FROM $2 THEN reason_at ELSE clock_timestamp() END
        WHERE sage_account_id = $1`,
      [
        input.sageAccountId,
        input.reason,
        storableTextOrNull(input.detail),
        degraded?.cause ?? null,
        degraded?.nextAttemptMs ?? null,
      ],
    );
    if (failing.event !== null) await writeTimeline(db, { ...whereOf(before), ...failing.event });
  });
}

/** When the account is checked next, as its workflow waits. */
export async function recordNextCheck(
  db: Queryable,
  input: { sageAccountId: string; nextCheckMs: number },
): Promise<void> {
  await db.query(
    `UPDATE sage_accounts SET next_read_at = clock_timestamp() + $2::float8 * interval '1 millisecond'
      WHERE sage_account_id = $1 AND status <> 'cancelled'`,
    [input.sageAccountId, input.nextCheckMs],
  );
}

/**
 * The end of the account was requested: it is read to its last transaction, then cancelled at Sage. A repeat changes nothing.
 * Then wake the account's workflow. Null when there is no such account.
 */
export async function requestSageCancellation(
  pool: Pool,
  input: { sageAccountId: string },
): Promise<SageAccountRow | null> {
  return await transaction(pool, async (db) => {
    const before = await lockSageAccount(db, input);
    if (before === null || !mayRequestCancellation(before)) return before;
    await db.query(
      `UPDATE sage_accounts SET cancel_requested_at = clock_timestamp(), updated_at = now()
        WHERE sage_account_id = $1`,
      [input.sageAccountId],
    );
    await writeTimeline(db, { ...whereOf(before), kind: 'sage_account_cancel_requested' });
    return await lockSageAccount(db, input);
  });
}

/** Younger accounts may not have their workflow yet: the process that stored them starts it. */
const completedAfter = `interval '1 minute'`;

export interface SageAccountToCheck {
  readonly sageAccountId: string;
  readonly customerId: string;
  readonly connectionId: string;
}

/** Accounts that must have a workflow, after `afterId`. */
export async function listSageAccountsToCheck(
  db: Queryable,
  input: { afterId: string | null; limit: number },
): Promise<SageAccountToCheck[]> {
  const { rows } = await db.query<SageAccountToCheck>(
    `SELECT sage_account_id AS "sageAccountId", customer_id AS "customerId", connection_id AS "connectionId"
       FROM sage_accounts
      WHERE ($1::uuid IS NULL OR sage_account_id > $1) AND status <> 'cancelled'
        AND created_at < now() - ${completedAfter}
      ORDER BY sage_account_id LIMIT $2`,
    [input.afterId, input.limit],
  );
  return rows;
}
