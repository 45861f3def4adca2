import { Context, heartbeat } from '@temporalio/activity';
import type { UnknownOutcomeReason } from '../../../clients/http/provider-error.js';
import { isSageError, isUnknownToSage, SageOutcomeUnknown } from '../../../clients/sage-banking/errors.js';
import type { SageBankAccount } from '../../../clients/sage-banking/schemas.js';
import { recordNextCheck, recordSageCheck, recordSageReason } from '../../../db/sage-banking/account-life.js';
import { readSageAccount, type SageAccountRow } from '../../../db/sage-banking/accounts.js';
import { sealSageAuthorisation } from '../../../db/sage-banking/authorisation.js';
import { storePage } from '../../../db/sage-banking/transactions.js';
import { failureTypes } from '../../../domain/failures.js';
import { providerUnavailableReason, unexpectedReason } from '../../../domain/feed.js';
import type { SageAccountStatus } from '../../../domain/sage-banking/states.js';
import {
  sageAccountUnknownReason,
  sageCompanyRefusedReason,
  sageFormRenewedAfterMs,
  sageCheckDelayMs,
  sageCheckMaxMs,
  sageNotUnderstoodReason,
  sagePagesPerCheckMax,
  sageReadRefusedReason,
  sageUnreadCancelAfterMs,
  type SageAccountReason,
} from '../../../domain/sage-banking/account-limits.js';
import type { SageBankingDeps, SageBankingParts } from '../deps.js';
import { Obsolete, readFailure } from '../../failures.js';
import { accountAccess, requireSageBanking } from '../access.js';
import { whileHeartbeating } from '../../while-heartbeating.js';

/*
 * One check an account: its transactions from the cursor on, page after page, and with each page what Sage says of
 * the account (contract 6.4, 7.1). A repeat is safe: a page and the cursor over it are one transaction, and a page that
 * comes twice stores nothing twice. Failures are stored in the row until the next success. A refusal is a result, since the
 * next check may go better, and so is any failure once it has kept a disconnection waiting for
 * `sageUnreadCancelAfterMs`; failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried), Obsolete. Limits:
 * `sagePagesPerCheckMax` pages, then `hasMore`.
 */

/** Attempts of one check an answer that is not understood: more would ask for the same page again and again. */
const notUnderstoodTriesMax = 5;

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
  /** Somebody asked for the end, and everything was read, or cannot be, or could not be for too long. */
  readonly mustCancel: boolean;
  /** Epoch ms of the check, when it came to its end. */
  readonly readAtMs: number | null;
  readonly nextCheckMs: number;
}

export function sageReadAccount(deps: SageBankingDeps) {
  return async (input: ReadSageAccountInput): Promise<ReadSageAccountResult> =>
    await whileHeartbeating(async () => {
      try {
        return await look(deps, input);
      } catch (error) {
        const reason = reasonOf(error);
        // A worker that stops is no failure of the account's.
        if (reason === null || Context.current().cancellationSignal.aborted) throw error;
        return await failing(deps, input, { reason, error });
      }
    });
}

async function look(deps: SageBankingDeps, input: ReadSageAccountInput): Promise<ReadSageAccountResult> {
  const { sageAccountId } = input;
  const { channel, account, access } = await accountAccess(deps, input);
  if (account.status === 'cancelled') return resultOf(account, { nextCheckMs: 0 });
  const { bankAccountId } = account;
  const signal = Context.current().cancellationSignal;
  let startIndex = account.lastTransactionId + 1;
  let storedCount = 0;
  let seen: SageBankAccount | null = null;
  let hasMore = true;
  for (let pages = 0; hasMore && pages < sagePagesPerCheckMax && !deps.stopping.aborted; pages += 1) {
    const page = await channel.client.readTransactions({ access, bankAccountId, startIndex, signal });
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
  if (seen === null) return resultOf(account, { hasMore: true, nextCheckMs: 0 });
  const nextCheckMs = hasMore
    ? 0
    : delayOf(channel, { account, status: seen.status, waitedMs: input.waitedMs });
  const row = await recordSageCheck(deps.pool, {
    sageAccountId,
    nextCheckMs,
    seen: seenOf(deps, sageAccountId, seen),
  });
  if (row === null) throw new Obsolete('the account does not exist');
  return resultOf(row, { storedCount, hasMore, nextCheckMs, readAtMs: Date.now() });
}

function seenOf({ keyring }: SageBankingDeps, sageAccountId: string, account: SageBankAccount) {
  const { authorisationData: authorisation } = account;
  return {
    status: account.status,
    statusReason: account.statusReason ?? null,
    currency: account.defaultCurrency ?? null,
    authorisationSealed:
      authorisation == null ? null : sealSageAuthorisation(keyring, { sageAccountId, authorisation }),
  };
}

/** Pending ones wait for their bank, those that need a new authorisation for their customer. */
function delayOf(
  { settings }: SageBankingParts,
  input: { account: SageAccountRow; status: SageAccountStatus; waitedMs: number },
): number {
  const { account, status, waitedMs } = input;
  const isWaiting = status === 'pending' || status === 'authRequired';
  const longestMs = sageCheckMaxMs({ ...account, maxMs: settings.statusPollMaxMs });
  const showsForm = isWaiting && account.dataProvider === 'direct';
  const maxMs = showsForm ? Math.min(longestMs, sageFormRenewedAfterMs) : longestMs;
  return sageCheckDelayMs({ isWaiting, waitedMs, minMs: settings.statusPollMinMs, maxMs });
}

function resultOf(
  row: SageAccountRow,
  over: Partial<ReadSageAccountResult> & { nextCheckMs: number },
): ReadSageAccountResult {
  const hasMore = over.hasMore ?? false;
  return {
    customerId: row.customerId,
    status: row.status,
    reason: row.reason,
    storedCount: 0,
    readAtMs: null,
    mustCancel: row.cancelRequestedAt !== null && row.status !== 'cancelled' && !hasMore,
    ...over,
    hasMore,
  };
}

/**
 * What follows when nothing could be read. What passes is thrown, and tried again soon; anything else is asked again, but
 * seldom. An end that was asked for comes at once only when Sage itself says that there is no such account: whatever else
 * keeps us from reading may pass, and what is unread is lost with the end.
 */
async function failing(
  deps: SageBankingDeps,
  { sageAccountId }: ReadSageAccountInput,
  { reason, error }: { reason: SageAccountReason; error: unknown },
): Promise<ReadSageAccountResult> {
  await recordSageReason(deps.pool, { sageAccountId, reason, detail: wordsOf(error) });
  const row = await readSageAccount(deps.pool, { sageAccountId });
  if (row === null) throw new Obsolete('the account does not exist');
  const patienceMs = row.cancelAskedAgoMs === null ? null : sageUnreadCancelAfterMs - row.cancelAskedAgoMs;
  const isSpent = patienceMs !== null && patienceMs <= 0;
  if (!isSpent && mayPass(error)) throw error;
  const { statusPollMaxMs } = requireSageBanking(deps).settings;
  const seldomMs = sageCheckMaxMs({ sageAccountId, maxMs: statusPollMaxMs });
  const nextCheckMs = patienceMs === null ? seldomMs : Math.ceil(Math.min(seldomMs, Math.max(0, patienceMs)));
  await recordNextCheck(deps.pool, { sageAccountId, nextCheckMs });
  const canEnd = isSpent || isUnknownToSage(error);
  const result = resultOf(row, { nextCheckMs });
  return { ...result, reason, mustCancel: result.mustCancel && canEnd };
}

/** Whether the same question may go better in a moment. */
function mayPass(error: unknown): boolean {
  if (isNotUnderstood(error)) return Context.current().info.attempt < notUnderstoodTriesMax;
  return readFailure(error).retryable;
}

/** Sage's own words, or which members of its answer are not as agreed; never their values. */
function wordsOf(error: unknown): string | null {
  if (isNotUnderstood(error)) return error.detail ?? error.reason;
  return isSageError(error) && 'errorMessage' in error ? error.errorMessage : null;
}

function isNotUnderstood(error: unknown): error is SageOutcomeUnknown {
  return error instanceof SageOutcomeUnknown && notUnderstood.includes(error.reason);
}
const notUnderstood: readonly UnknownOutcomeReason[] = ['unexpected_shape', 'body_too_large'];

/** The failure that an error means for the row; null for what is none of the account's. */
function reasonOf(error: unknown): SageAccountReason | null {
  if (isUnknownToSage(error)) return sageAccountUnknownReason;
  if (isNotUnderstood(error)) return sageNotUnderstoodReason;
  switch (readFailure(error).type) {
    case failureTypes.providerUnavailable:
    case failureTypes.rateLimited:
      return providerUnavailableReason;
    case failureTypes.connectionRefused:
    case failureTypes.credentialsRejected:
      return sageCompanyRefusedReason;
    case failureTypes.refused:
      return sageReadRefusedReason;
    case failureTypes.unexpected:
      return unexpectedReason;
    case failureTypes.obsolete:
    case failureTypes.databaseUnavailable:
    case failureTypes.channelDisabled:
      return null;
  }
}
