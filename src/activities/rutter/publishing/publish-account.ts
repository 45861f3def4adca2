import type { RutterAccount } from '../../../clients/rutter/schemas.js';
import { transaction } from '../../../db/pool.js';
import {
  createFeed,
  recordAccountRefused,
  type AccountRefusal,
  type AccountToPublish,
} from '../../../db/rutter/publications.js';
import { createAccount, NotWanted, type PublishingContext } from './create-account.js';
import { matchAccount } from './match-account.js';

/**
 * Publishes one account: the one at Rutter that is ours, or a new one; its feed is stored and its workflow awake.
 * Null when that is done; else why not, which is stored and on the timeline. Safe to repeat.
 *
 * @throws NotWanted; errors of the client and retryable failures
 */
export async function publishAccount(
  context: PublishingContext,
  { account, known }: { account: AccountToPublish; known: readonly RutterAccount[] },
): Promise<AccountRefusal | null> {
  if (account.refused !== null) return account.refused;
  if (account.obstacle !== null) {
    return await refuse(context, account, { reason: 'account_unpublishable', errorCode: account.obstacle });
  }
  const match = matchAccount(account, known);
  if (match.kind === 'mismatch') {
    return await refuse(context, account, { reason: 'account_mismatch', errorCode: null });
  }
  const atRutter = match.kind === 'found' ? match : await createAccount(context, account);
  if (atRutter.kind === 'refused') {
    const { errorCode } = atRutter;
    return await refuse(context, account, { reason: 'provider_refused', errorCode });
  }
  const { rutterAccountId } = atRutter;
  const { customerId, connectionId, deps, holdWanted } = context;
  const { accountId } = account;
  const feed = await transaction(deps.pool, (db) =>
    createFeed(db, {
      customerId,
      connectionId,
      accountId,
      rutterAccountId,
      holdWanted: () => holdWanted(db, { accountId }),
    }),
  );
  if (feed.outcome === 'not_wanted') throw new NotWanted();
  if (!('feedId' in feed)) {
    const reason = feed.outcome === 'conflict' ? 'account_mismatch' : 'connection_unlinking';
    return await refuse(context, account, { reason, errorCode: null });
  }
  // A fact, not a posting: a reopened feed whose closing delivery run still runs must check once more.
  await deps.workflows.feedFactsChanged({ feedId: feed.feedId });
  return null;
}

async function refuse(
  { deps, customerId, connectionId }: PublishingContext,
  { accountId }: AccountToPublish,
  refusal: AccountRefusal,
): Promise<AccountRefusal> {
  await transaction(deps.pool, (db) =>
    recordAccountRefused(db, { customerId, connectionId, accountId, ...refusal }),
  );
  return refusal;
}
