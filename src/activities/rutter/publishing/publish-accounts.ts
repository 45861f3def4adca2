import { cancellationSignal } from '@temporalio/activity';
import { openAccessToken, readConnection } from '../../../db/connections.js';
import { readHandoff } from '../../../db/rutter/handoffs.js';
import { transaction } from '../../../db/pool.js';
import {
  createFeed,
  prepareAccountsToPublish,
  type AccountToPublish,
} from '../../../db/rutter/publications.js';
import { writeTimeline } from '../../../db/timeline.js';
import type { HandoffReason, HandoffState } from '../../../domain/rutter/handoff.js';
import type { RutterDeps } from '../deps.js';
import { explainRefusal } from '../explain-refusal.js';
import { Obsolete } from '../../failures.js';
import { createAccount, type PublishingContext } from './create-account.js';
import { listAccounts } from './list-accounts.js';
import { matchAccount } from './match-account.js';
import { whileHeartbeating } from '../../while-heartbeating.js';

/*
 * Publishes the accounts of a handoff at Rutter (contract 4 step 4, 6.3) and gives each a feed with a running workflow.
 * A repeat is safe at any point: it lists first and uses what exists, the rest goes out under the keys stored before
 * the first call, a feed's row is written once per account and connection, and waking a workflow twice is harmless.
 * One account that Rutter refuses does not stop the others. Failures: ProviderUnavailable, RateLimited,
 * DatabaseUnavailable (retried); Refused, ConnectionRefused, CredentialsRejected, Obsolete.
 */

export interface PublishAccountsInput {
  readonly handoffId: string;
}

export type PublishAccountsResult =
  | { readonly outcome: 'published'; readonly published: number; readonly refused: number }
  | { readonly outcome: 'refused'; readonly reason: HandoffReason; readonly errorCode?: string }
  | { readonly outcome: 'over'; readonly state: HandoffState };

export function rutterPublishAccounts(deps: RutterDeps) {
  return (input: PublishAccountsInput): Promise<PublishAccountsResult> =>
    whileHeartbeating(() => publishAccounts(deps, input));
}

async function publishAccounts(
  deps: RutterDeps,
  input: PublishAccountsInput,
): Promise<PublishAccountsResult> {
  const handoff = await readHandoff(deps.pool, input);
  if (handoff?.customerId == null || handoff.connectionId === null) {
    throw new Obsolete('the handoff has no customer or connection');
  }
  if (handoff.state !== 'sharing' || handoff.remainingMs <= 0)
    return { outcome: 'over', state: handoff.state };
  const { customerId, connectionId, accountIds } = handoff;
  const accounts = await prepareAccountsToPublish(deps.pool, { customerId, connectionId, accountIds });
  if (accounts.length === 0) return { outcome: 'refused', reason: 'no_accounts' };
  const connection = await readConnection(deps.pool, { connectionId });
  if (connection?.customerId !== customerId) return { outcome: 'refused', reason: 'connection_unavailable' };
  const accessToken = openAccessToken(deps.keyring, connection);
  const context = { deps, customerId, connectionId, accessToken, signal: cancellationSignal() };
  try {
    return await publishAll(context, accounts);
  } catch (error) {
    throw await explainRefusal(deps, { connectionId, error });
  }
}

async function publishAll(
  context: PublishingContext,
  accounts: readonly AccountToPublish[],
): Promise<PublishAccountsResult> {
  const known = await listAccounts(context);
  let published = 0;
  const refusals: AccountRefusal[] = [];
  for (const account of accounts) {
    const refusal = await publishOne(context, { account, known });
    if (refusal === null) published += 1;
    else refusals.push(refusal);
  }
  const [first] = refusals;
  if (published === 0 && first !== undefined) return { outcome: 'refused', ...first };
  await context.deps.workflows.wakeConnection({ connectionId: context.connectionId });
  return { outcome: 'published', published, refused: refusals.length };
}

interface AccountRefusal {
  readonly reason: 'account_mismatch' | 'provider_refused';
  readonly errorCode?: string;
}

/** Null when the account is published, its feed stored and its workflow awake; else why not. */
async function publishOne(
  context: PublishingContext,
  { account, known }: { account: AccountToPublish; known: Awaited<ReturnType<typeof listAccounts>> },
): Promise<AccountRefusal | null> {
  const match = matchAccount(account, known);
  if (match.kind === 'mismatch') return await refuse(context, { account, reason: 'account_mismatch' });
  const atRutter = match.kind === 'found' ? match : await createAccount(context, account);
  if (atRutter.kind === 'refused') {
    const { errorCode } = atRutter;
    return await refuse(context, {
      account,
      reason: 'provider_refused',
      ...(errorCode === null ? {} : { errorCode }),
    });
  }
  const { rutterAccountId } = atRutter;
  const { customerId, connectionId, deps } = context;
  const { accountId } = account;
  const feed = await transaction(deps.pool, (db) =>
    createFeed(db, { customerId, connectionId, accountId, rutterAccountId }),
  );
  if (feed.outcome === 'conflict') return await refuse(context, { account, reason: 'account_mismatch' });
  // A fact, not a posting: a reopened feed whose closing delivery run still runs must check once more.
  await deps.workflows.feedFactsChanged({ feedId: feed.feedId });
  return null;
}

async function refuse(
  { deps, customerId, connectionId }: PublishingContext,
  refusal: AccountRefusal & { account: AccountToPublish },
): Promise<AccountRefusal> {
  const { account, ...why } = refusal;
  await writeTimeline(deps.pool, {
    kind: 'account_not_published',
    customerId,
    connectionId,
    detail: { account_id: account.accountId, reason: why.reason, error_code: why.errorCode },
  });
  return why;
}
