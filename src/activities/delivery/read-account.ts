import { isRutterError } from '../../clients/rutter/errors.js';
import { isAccountReady } from '../../clients/rutter/schemas.js';
import type { AccountSeen } from '../../db/feed-facts.js';
import type { BatchContext } from './batch-context.js';

/** An id that Rutter does not know (any more): 410, or 404 in older texts (contract 12). */
const goneStatuses = new Set([404, 410]);

/** Reads one account at Rutter (contract 6.1). One that is gone reads as not ready. */
export async function readAccount(
  context: Pick<BatchContext, 'deps' | 'feed' | 'accessToken' | 'signal'>,
): Promise<AccountSeen> {
  const rutterAccountId = context.feed.rutterAccountId ?? '';
  try {
    const account = await context.deps.rutter.getAccount({
      accessToken: context.accessToken,
      rutterAccountId,
      lane: 'deliver',
      signal: context.signal,
    });
    return {
      rutterAccountId,
      ready: isAccountReady(account),
      transactionStartDate: account.transactionStartDate,
    };
  } catch (error) {
    const gone = isRutterError(error) && error.kind === 'refused' && goneStatuses.has(error.httpStatus);
    if (gone) return { rutterAccountId, ready: false, transactionStartDate: null };
    throw error;
  }
}
