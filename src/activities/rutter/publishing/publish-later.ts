import { countLaterAccounts, holdLaterAccount, listLaterAccounts } from '../../../db/rutter/publications.js';
import { handoffLimits } from '../../../domain/rutter/handoff-limits.js';
import type { PublishingContext } from './create-account.js';
import { publishInParallel } from './publish-in-parallel.js';

export interface LaterPublishing {
  /** Accounts that are still left to publish. */
  readonly left: number;
  /** At least one was published or refused: the next check may go on at once. */
  readonly progressed: boolean;
}

/**
 * Publishes what a handoff left because its time ran out: some accounts of one connection, without a customer who
 * waits. Each is marked in its row until it is published or refused, so this goes on after a crash.
 *
 * @throws what concerns the whole connection; a failure of one account alone is left to the next check
 */
export async function publishLaterAccounts(
  connection: Omit<PublishingContext, 'holdWanted'>,
): Promise<LaterPublishing> {
  const { pool, settings } = connection.deps;
  const { customerId, connectionId } = connection;
  const accounts = await listLaterAccounts(pool, {
    customerId,
    connectionId,
    bankTimeZone: settings.bankTimeZone,
    limit: handoffLimits.laterAccountsPerCheckMax,
  });
  if (accounts.length === 0) return { left: 0, progressed: false };
  const holdWanted: PublishingContext['holdWanted'] = (db, { accountId }) =>
    holdLaterAccount(db, { connectionId, accountId });
  const context = { ...connection, holdWanted };
  const { published, refusals } = await publishInParallel(context, accounts, {
    timeMs: handoffLimits.laterPublishingMaxMs,
  });
  const left = await countLaterAccounts(pool, { connectionId });
  return { left, progressed: published > 0 || refusals.length > 0 };
}
