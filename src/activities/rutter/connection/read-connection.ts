import { Context } from '@temporalio/activity';
import { isAccountReady, type RutterAccount } from '../../../clients/rutter/schemas.js';
import { openAccessToken, readConnection, type ConnectionRow } from '../../../db/connections.js';
import { recordShownAccounts } from '../../../db/rutter/account-differences.js';
import { recordAccountsSeen, recordConnectionRefused } from '../../../db/rutter/feed-facts.js';
import type { AccountSeen } from '../../../domain/rutter/transitions.js';
import { connectionFacts } from '../../../domain/rutter/connection.js';
import { handoffLimits } from '../../../domain/rutter/handoff-limits.js';
import { activationPollDelayMs, refusalHoldOffMs } from '../../../domain/rutter/schedule.js';
import { recordingRejectedCredentials, requireCredentials } from '../rejected-credentials.js';
import type { RutterDeps } from '../deps.js';
import { publishLaterAccounts, type LaterPublishing } from '../publishing/publish-later.js';
import { readConnectionRefusal } from '../explain-refusal.js';
import { Obsolete } from '../../failures.js';
import { accountShown } from '../publishing/account-shown.js';
import { whileHeartbeating } from '../../while-heartbeating.js';
import { isLinkFinished } from './finish-link.js';
import { unlinkConnection } from './unlink-connection.js';

/*
 * Publishes the accounts that a handoff left, then reads all bank feed accounts of a connection once, for all its feeds,
 * and wakes those that may now send; or ends a connection that is to be unlinked. A repeat is safe: accounts are published under stored keys, facts are recorded from
 * a complete list, and waking twice is harmless. A refused connection is a result, not a
 * failure. Failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried), CredentialsRejected, Obsolete.
 */

export interface ReadConnectionInput {
  readonly connectionId: string;
  /** How long something has been awaited by now; sets the poll interval. */
  readonly awaitedForMs: number;
}

export interface ReadConnectionResult {
  readonly refused: boolean;
  /** Feeds whose account waits for activation or is disconnected. */
  readonly awaitedCount: number;
  /** When to check again; null when nothing is awaited, or only a wake-up may help. */
  readonly nextPollMs: number | null;
}

/** Pages of 500 accounts on one connection: 10,000 accounts of one customer. */
const accountPagesMax = 20;

export function rutterReadConnection(deps: RutterDeps) {
  return async (input: ReadConnectionInput): Promise<ReadConnectionResult> => {
    const { connectionId } = input;
    const connection = await readConnection(deps.pool, { connectionId });
    if (connection === null) throw new Obsolete('the connection does not exist');
    const nextPollMs = activationPollDelayMs({
      elapsedMs: input.awaitedForMs,
      minMs: deps.settings.feedActivationPollMinMs,
      maxMs: deps.settings.feedActivationPollMaxMs,
    });
    if (connection.unlinkedAt !== null) return { refused: false, awaitedCount: 0, nextPollMs: null };
    if (connection.unlinkRequestedAt !== null) {
      const unlink = await unlinkConnection(deps, { connection, nextPollMs });
      if (unlink.kind === 'unlinked') return { refused: false, awaitedCount: 0, nextPollMs: null };
      return { refused: unlink.kind === 'refused', awaitedCount: 1, nextPollMs: unlink.nextPollMs };
    }
    const holdOffMs = refusalHoldOffMs(connection.refusedTimes) - (connection.refusedAgoMs ?? Infinity);
    if (connection.status === 'refused' && holdOffMs > 0) {
      return { refused: true, awaitedCount: 0, nextPollMs: Math.ceil(holdOffMs) };
    }
    await requireCredentials(deps);
    try {
      const { cancellationSignal: signal } = Context.current();
      const accessToken = openAccessToken(deps.keyring, connection);
      if (connection.status === 'refused' && (await isStillRefused(deps, accessToken))) {
        return { refused: true, awaitedCount: 0, nextPollMs };
      }
      if (connection.linkState === 'awaited' && !(await isLinkFinished(deps, connection, signal))) {
        return { refused: false, awaitedCount: 1, nextPollMs };
      }
      const later = await publishLater(deps, connection, accessToken);
      const listed = await whileHeartbeating(() => listAccounts(deps, accessToken));
      const accounts = listed.map(accountSeen);
      const recorded = await recordAccountsSeen(deps.pool, {
        connectionId,
        accounts,
        bankTimeZone: deps.settings.bankTimeZone,
      });
      await recordShownAccounts(deps.pool, { keyring: deps.keyring, accounts: listed.map(accountShown) });
      for (const feedId of recorded.requestedFeedIds) await deps.workflows.feedFactsChanged({ feedId });
      const { awaitedCount } = recorded;
      const isAwaited = awaitedCount > 0 || later.left > 0;
      const waitMs = later.progressed && later.left > 0 ? handoffLimits.laterCheckMs : nextPollMs;
      return { refused: false, awaitedCount, nextPollMs: isAwaited ? waitMs : null };
    } catch (error) {
      const refusal = await recordingRejectedCredentials(deps, () => readConnectionRefusal(deps, error));
      if (refusal === null) throw error;
      await recordConnectionRefused(deps.pool, { connectionId, ...refusal });
      return { refused: true, awaitedCount: 0, nextPollMs };
    }
  };
}

/** First what a handoff left to publish, so that the list read after it has these accounts. */
async function publishLater(
  deps: RutterDeps,
  { connectionId, customerId }: ConnectionRow,
  accessToken: string,
): Promise<LaterPublishing> {
  const { cancellationSignal: signal } = Context.current();
  const context = { deps, customerId, connectionId, accessToken, signal };
  return await whileHeartbeating(() => publishLaterAccounts(context));
}

/** Reads may succeed although writes are refused, so only the connection's status at Rutter ends a refusal. */
async function isStillRefused(deps: RutterDeps, accessToken: string): Promise<boolean> {
  const { cancellationSignal: signal } = Context.current();
  const facts = connectionFacts(await deps.rutter.getConnectionStatus({ accessToken, signal }));
  return facts.status !== 'ok';
}

async function listAccounts(deps: RutterDeps, accessToken: string): Promise<RutterAccount[]> {
  const { cancellationSignal: signal } = Context.current();
  const accounts: RutterAccount[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < accountPagesMax; page += 1) {
    const answer = await deps.rutter.listAccounts({ accessToken, cursor, signal });
    accounts.push(...answer.accounts);
    cursor = answer.nextCursor ?? undefined;
    if (cursor === undefined) break;
  }
  if (cursor !== undefined) throw new Error(`more than ${String(accountPagesMax)} pages of accounts`);
  return accounts;
}

function accountSeen(account: RutterAccount): AccountSeen {
  return {
    rutterAccountId: account.id,
    ready: isAccountReady(account),
    transactionStartDate: account.transactionStartDate,
  };
}
