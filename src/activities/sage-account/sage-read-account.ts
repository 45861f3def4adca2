import { Context, heartbeat } from '@temporalio/activity';
import { isSageError, isSageNotFound } from '../../clients/sage-banking/errors.js';
import type { SageBankAccount } from '../../clients/sage-banking/schemas.js';
import { recordNextLook, recordSageLook, recordSageReason } from '../../db/sage-account-life.js';
import { readSageAccount, type SageAccountRow } from '../../db/sage-accounts.js';
import { storePage } from '../../db/sage-transactions.js';
import { failureTypes } from '../../domain/failures.js';
import { peerUnavailableReason, unexpectedReason } from '../../domain/feed.js';
import type { SageAccountStatus } from '../../domain/sage.js';
import {
  sageAccountUnknownReason,
  sageCompanyRefusedReason,
  sageLookDelayMs,
  sagePagesPerLookMax,
  sageReadRefusedReason,
  type SageAccountReason,
} from '../../domain/sage-account.js';
import type { ActivityDeps, SageRoad } from '../deps.js';
import { Obsolete, readFailure } from '../failures.js';
import { accountAccess } from '../sage-access.js';
import { whileHeartbeating } from '../while-heartbeating.js';

/*
 * One look at an account: its transactions from the cursor on, page after page, and with each page what Sage says of
 * the account (contract 6.4, 7.1). A repeat is safe: a page and the cursor over it are one transaction, and a page that
 * comes twice stores nothing twice. Troubles stand in the row until the next success. A refusal is a result, since the
 * next look may go better; failures: PeerUnavailable, RateLimited, DatabaseUnavailable (retried), Obsolete. Limits:
 * `sagePagesPerLookMax` pages, then `hasMore`.
 */

export interface ReadSageAccountInput {
  readonly sageAccountId: string;
  /** How long something has been awaited by now; sets the pace of looking. */
  readonly waitedMs: number;
}

export interface ReadSageAccountResult {
  readonly customerId: string;
  readonly status: SageAccountStatus;
  readonly reason: string | null;
  readonly storedCount: number;
  /** There is more to read at once. */
  readonly hasMore: boolean;
  /** Somebody asked for the end, and everything was read, or cannot be. */
  readonly mustCancel: boolean;
  /** Epoch ms of the look, when it came to its end. */
  readonly readAtMs: number | null;
  readonly nextLookMs: number;
}

export function sageReadAccount(deps: ActivityDeps) {
  return async (input: ReadSageAccountInput): Promise<ReadSageAccountResult> =>
    await whileHeartbeating(async () => {
      try {
        return await look(deps, input);
      } catch (error) {
        const reason = reasonOf(error);
        // A worker that stops is no trouble of the account's.
        if (reason === null || Context.current().cancellationSignal.aborted) throw error;
        const detail = isSageError(error) && 'errorMessage' in error ? error.errorMessage : null;
        await recordSageReason(deps.pool, { sageAccountId: input.sageAccountId, reason, detail });
        if (readFailure(error).retryable) throw error;
        return await refused(deps, input, reason);
      }
    });
}

async function look(deps: ActivityDeps, input: ReadSageAccountInput): Promise<ReadSageAccountResult> {
  const { sageAccountId } = input;
  const { road, account, access } = await accountAccess(deps, input);
  if (account.status === 'cancelled') return resultOf(account, { nextLookMs: 0 });
  const { bankAccountId } = account;
  const signal = Context.current().cancellationSignal;
  let startIndex = account.lastTransactionId + 1;
  let storedCount = 0;
  let seen: SageBankAccount | null = null;
  let hasMore = true;
  for (let pages = 0; hasMore && pages < sagePagesPerLookMax && !deps.stopping.aborted; pages += 1) {
    const page = await road.client.readTransactions({ access, bankAccountId, startIndex, signal });
    const { transactions, endIndex } = page;
    if (transactions.length > 0) {
      const stored = await storePage(deps.pool, { sageAccountId, transactions, endIndex });
      if (stored === null) throw new Obsolete('the account does not exist');
      storedCount += stored.storedCount;
      startIndex = stored.lastTransactionId + 1;
    }
    seen = page.account;
    ({ hasMore } = page);
    heartbeat();
  }
  // A worker that is about to stop begins no page: the next one does.
  if (seen === null) return resultOf(account, { hasMore: true, nextLookMs: 0 });
  const nextLookMs = delayOf(road, seen.status, input.waitedMs);
  const row = await recordSageLook(deps.pool, { sageAccountId, seen: seenOf(seen), nextLookMs });
  if (row === null) throw new Obsolete('the account does not exist');
  return resultOf(row, { storedCount, hasMore, nextLookMs, readAtMs: Date.now() });
}

function seenOf(account: SageBankAccount) {
  return {
    status: account.status,
    statusReason: account.statusReason ?? null,
    currency: account.defaultCurrency ?? null,
    authorisation: account.authorisationData ?? null,
  };
}

/** Pending ones wait for their bank, those that need a new authorisation for their customer. */
function delayOf({ settings }: SageRoad, status: SageAccountStatus, waitedMs: number): number {
  return sageLookDelayMs({
    isWaiting: status === 'pending' || status === 'authRequired',
    waitedMs,
    minMs: settings.statusPollMinMs,
    maxMs: settings.statusPollMaxMs,
  });
}

function resultOf(
  row: SageAccountRow,
  over: Partial<ReadSageAccountResult> & { nextLookMs: number },
): ReadSageAccountResult {
  const hasMore = over.hasMore ?? false;
  return {
    ...{ customerId: row.customerId, status: row.status, reason: row.reason, storedCount: 0, readAtMs: null },
    mustCancel: row.cancelRequestedAt !== null && row.status !== 'cancelled' && !hasMore,
    ...over,
    hasMore,
  };
}

/** Nothing can be read before a person has acted, or Sage: asked again, but seldom. Its end can be asked for all the same. */
async function refused(
  deps: ActivityDeps,
  { sageAccountId }: ReadSageAccountInput,
  reason: SageAccountReason,
): Promise<ReadSageAccountResult> {
  const { road, account } = await accountAccess(deps, { sageAccountId });
  const nextLookMs = road.settings.statusPollMaxMs;
  await recordNextLook(deps.pool, { sageAccountId, nextLookMs });
  const row = (await readSageAccount(deps.pool, { sageAccountId })) ?? account;
  return { ...resultOf(row, { nextLookMs }), reason };
}

/** The trouble that an error means for the row; null for what is none of the account's. */
function reasonOf(error: unknown): SageAccountReason | null {
  if (isSageNotFound(error)) return sageAccountUnknownReason;
  switch (readFailure(error).type) {
    case failureTypes.peerUnavailable:
    case failureTypes.rateLimited:
      return peerUnavailableReason;
    case failureTypes.connectionRefused:
    case failureTypes.organisationRefused:
      return sageCompanyRefusedReason;
    case failureTypes.refused:
      return sageReadRefusedReason;
    case failureTypes.unexpected:
      return unexpectedReason;
    case failureTypes.obsolete:
    case failureTypes.databaseUnavailable:
      return null;
  }
}
