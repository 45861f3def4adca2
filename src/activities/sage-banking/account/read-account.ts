import { Context, heartbeat } from '@temporalio/activity';
import type { UnknownOutcomeReason } from '../../../clients/http/provider-error.js';
import { isSageError, isUnknownToSage, SageOutcomeUnknown } from '../../../clients/sage-banking/errors.js';
import type { SageBankAccount } from '../../../clients/sage-banking/schemas.js';
import {
  recordNextCheck,
  recordSageCheck,
  recordSageReason,
  type SageBalance,
} from '../../../db/sage-banking/account-life.js';
import { readDatabaseClock } from '../../../db/clock.js';
import { readSageAccount, type SageAccountRow } from '../../../db/sage-banking/accounts.js';
import { sealSageAuthorisation } from '../../../db/sage-banking/authorisation.js';
import { storePage } from '../../../db/sage-banking/transactions.js';
import { failureTypes } from '../../../domain/failures.js';
import { feedState, providerUnavailableReason, unexpectedReason } from '../../../domain/feed.js';
import type { Degraded, FeedStatus } from '../../../domain/feed-status.js';
import { backoffMs, sageCheckRetryWaits } from '../../../domain/schedule.js';
import { sageFeedStatus } from '../../../domain/sage-banking/feed-status.js';
import { sageFeedFacts, type SageAccountStatus } from '../../../domain/sage-banking/states.js';
import {
  isBlockedAtSage,
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
import { degradedCauseOf } from '../../degraded-cause.js';
import { Obsolete, readFailure } from '../../failures.js';
import { StatusReport, type ShownStatus } from '../../status-report.js';
import { accountAccess, requireSageBanking } from '../access.js';
import { whileHeartbeating } from '../../while-heartbeating.js';
import { createPageReader, type NextPage } from './read-next-page.js';

/*
 * One check of an account: its transactions after the cursor, page after page, each with the state of the account
 * (contract 6.4, 7.1). A repeat is safe: a page and its cursor are stored in one transaction, and a repeated page is not
 * stored twice. Failures are stored in the row until the next success. A refusal is a result, since the next check may
 * succeed, and so is any failure that has delayed a cancellation for `sageUnreadCancelAfterMs`; failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried), Obsolete. Limits:
 * `sagePagesPerCheckMax` requests, then `hasMore`.
 */

/** Attempts of one check whose answer cannot be parsed: more would only request the same page again. */
const unparsableAttemptsMax = 5;

export interface ReadSageAccountInput {
  readonly sageAccountId: string;
  /** How long the account has waited for a change; sets the poll interval. */
  readonly waitedMs: number;
  /** What the workflow shows of the account's reason: a check reports what differs. */
  readonly shown?: ShownStatus;
}

export interface ReadSageAccountResult {
  readonly customerId: string;
  readonly status: SageAccountStatus;
  readonly reason: string | null;
  /** Absent from versions before 0.3.0. */
  readonly degraded?: Degraded | null;
  readonly storedCount: number;
  /** There are more transactions to read at once. */
  readonly hasMore: boolean;
  /** A cancellation was requested, and everything was read, cannot be read, or could not be read for too long. */
  readonly mustCancel: boolean;
  /** Epoch ms of a check that read everything; null after a failure. */
  readonly readAtMs: number | null;
  readonly nextCheckMs: number;
}

export function sageReadAccount(deps: SageBankingDeps) {
  return async (input: ReadSageAccountInput): Promise<ReadSageAccountResult> => {
    const { sageAccountId } = input;
    const report = new StatusReport(sageAccountId, input.shown, (status) =>
      requireSageBanking(deps).workflows.accountStatusReported({ sageAccountId, status }),
    );
    return await whileHeartbeating(async () => {
      const result = await checkOrFail(deps, input, report);
      report.note(feedStatusOf(result));
      return result;
    }, report.details);
  };
}

/** The result of a check, or of its failure, as the status of the feed. */
function feedStatusOf({ status, reason, degraded = null }: ReadSageAccountResult): FeedStatus {
  return { state: feedState(sageFeedFacts(status)), reason, degraded };
}

async function checkOrFail(
  deps: SageBankingDeps,
  input: ReadSageAccountInput,
  report: StatusReport,
): Promise<ReadSageAccountResult> {
  try {
    return await check(deps, input);
  } catch (error) {
    const reason = reasonOf(error);
    // A worker that stops is not a failure of the account.
    if (reason === null || Context.current().cancellationSignal.aborted) throw error;
    try {
      return await afterFailure(deps, input, { reason, error });
    } catch (failure) {
      // The workflow learns of a failed attempt at once: it sees nothing of it while Temporal retries the activity.
      const row = await readSageAccount(deps.pool, input).catch(() => null);
      if (row !== null) await report.now({ ...sageFeedStatus(row), customerId: row.customerId });
      throw failure;
    }
  }
}

async function check(deps: SageBankingDeps, input: ReadSageAccountInput): Promise<ReadSageAccountResult> {
  const { sageAccountId } = input;
  const { sage, account, access } = await accountAccess(deps, input);
  if (account.status === 'cancelled') return resultOf(account, { nextCheckMs: 0 });
  const { bankAccountId } = account;
  const signal = Context.current().cancellationSignal;
  const readNext = createPageReader({ client: sage.client, access, bankAccountId, signal });
  let startIndex = account.lastTransactionId + 1;
  let storedCount = 0;
  let seen: SageBankAccount | null = null;
  let hasMore = true;
  for (let pages = 0; hasMore && pages < sagePagesPerCheckMax && !deps.stopping.aborted; pages += 1) {
    const next = await readNext(startIndex);
    if (next.kind === 'retry') startIndex = next.nextIndex;
    else if (next.kind === 'too_large' || next.page.transactions.length > 0) {
      const stored = await storeNext(deps, sageAccountId, next);
      storedCount += stored.storedCount;
      startIndex = stored.lastTransactionId + 1;
    }
    if (next.kind === 'page') {
      seen = next.page.account;
      ({ hasMore } = next.page);
    }
    heartbeat();
  }
  // A worker that is about to stop requests no page: the next worker does.
  if (seen === null) return resultOf(account, { hasMore: true, nextCheckMs: 0 });
  const nextCheckMs = hasMore ? 0 : delayOf(sage, { account, status: seen.status, waitedMs: input.waitedMs });
  const row = await recordSageCheck(deps.pool, {
    sageAccountId,
    nextCheckMs,
    seen: seenOf(deps, sageAccountId, seen),
  });
  if (row === null) throw new Obsolete('the account does not exist');
  return resultOf(row, { storedCount, hasMore, nextCheckMs, readAtMs: await readDatabaseClock(deps.pool) });
}

async function storeNext(
  deps: SageBankingDeps,
  sageAccountId: string,
  next: Exclude<NextPage, { kind: 'retry' }>,
): Promise<{ storedCount: number; lastTransactionId: number }> {
  const page =
    next.kind === 'page'
      ? next.page
      : { transactions: [], tooLargeId: next.transactionId, endIndex: next.transactionId };
  const stored = await storePage(deps.pool, { ...page, sageAccountId });
  if (stored === null) throw new Obsolete('the account does not exist');
  return stored;
}

function seenOf({ keyring }: SageBankingDeps, sageAccountId: string, account: SageBankAccount) {
  const { authorisationData: authorisation } = account;
  return {
    status: account.status,
    statusReason: account.statusReason ?? null,
    currency: account.defaultCurrency ?? null,
    ledgerBalance: balanceOf(account.ledgerBalance, account.ledgerBalanceDate),
    availableBalance: balanceOf(account.availableBalance, account.availableBalanceDate),
    authorisationSealed:
      authorisation == null ? null : sealSageAuthorisation(keyring, { sageAccountId, authorisation }),
  };
}

function balanceOf(amount: string | null | undefined, date: string | null | undefined): SageBalance | null {
  return amount == null ? null : { amount, date: date ?? null };
}

/** Pending accounts wait for their bank, those that need a new authorization for their customer. */
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
    degraded: sageFeedStatus(row).degraded,
    storedCount: 0,
    readAtMs: null,
    mustCancel: row.cancelRequestedAt !== null && row.status !== 'cancelled' && !hasMore,
    ...over,
    hasMore,
  };
}

/**
 * The result when nothing could be read. A transient failure is thrown and retried soon; after any other the next check
 * comes later. A requested cancellation follows at once only when Sage answers that the account does not exist: every other
 * failure may pass, and unread transactions are lost with the cancellation.
 */
async function afterFailure(
  deps: SageBankingDeps,
  { sageAccountId }: ReadSageAccountInput,
  { reason, error }: { reason: SageAccountReason; error: unknown },
): Promise<ReadSageAccountResult> {
  await recordSageReason(deps.pool, {
    sageAccountId,
    reason,
    detail: providerMessageOf(error),
    ...(isBlockedAtSage(reason)
      ? {}
      : { degraded: { cause: degradedCauseOf(error), nextAttemptMs: retryWaitMs(error) } }),
  });
  const row = await readSageAccount(deps.pool, { sageAccountId });
  if (row === null) throw new Obsolete('the account does not exist');
  const cancelInMs = row.cancelAskedAgoMs === null ? null : sageUnreadCancelAfterMs - row.cancelAskedAgoMs;
  const isOverdue = cancelInMs !== null && cancelInMs <= 0;
  if (!isOverdue && isTransient(error)) throw error;
  const { statusPollMaxMs } = requireSageBanking(deps).settings;
  const longestMs = sageCheckMaxMs({ sageAccountId, maxMs: statusPollMaxMs });
  const nextCheckMs =
    cancelInMs === null ? longestMs : Math.ceil(Math.min(longestMs, Math.max(0, cancelInMs)));
  await recordNextCheck(deps.pool, { sageAccountId, nextCheckMs });
  const canCancel = isOverdue || isUnknownToSage(error);
  const result = resultOf(row, { nextCheckMs });
  return { ...result, reason, mustCancel: result.mustCancel && canCancel };
}

/** As Temporal waits for the next attempt of a transient failure. */
function retryWaitMs(error: unknown): number {
  const tries = Context.current().info.attempt - 1;
  return readFailure(error).retryAfterMs ?? backoffMs({ tries, ...sageCheckRetryWaits });
}

/** Whether a retry may succeed soon. */
function isTransient(error: unknown): boolean {
  if (isNotUnderstood(error)) return Context.current().info.attempt < unparsableAttemptsMax;
  return readFailure(error).retryable;
}

/** Sage's message, or which members of its answer break the contract; never their values. */
function providerMessageOf(error: unknown): string | null {
  if (isNotUnderstood(error)) return error.detail ?? error.reason;
  return isSageError(error) && 'errorMessage' in error ? error.errorMessage : null;
}

function isNotUnderstood(error: unknown): error is SageOutcomeUnknown {
  return error instanceof SageOutcomeUnknown && notUnderstood.includes(error.reason);
}
const notUnderstood: readonly UnknownOutcomeReason[] = ['unexpected_shape', 'body_too_large'];

/** The reason to store in the row; null for an error that does not concern the account. */
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
