import { isNotFound } from '../../../clients/rutter/errors.js';
import { isAccountReady } from '../../../clients/rutter/schemas.js';
import type { AccountSeen } from '../../../domain/rutter/transitions.js';
import type { BatchContext } from './batch-context.js';

/** Reads one account at Rutter (contract 6.1). One that is gone reads as not ready. */
export async function readAccount(
  context: Pick<BatchContext, 'deps' | 'feed' | 'accessToken' | 'signal'>,
): Promise<AccountSeen> {
  const rutterAccountId = context.feed.rutterAccountId ?? '';
  try {
    const account = await context.deps.rutter.getAccount({
      accessToken: context.accessToken,
      rutterAccountId,
      priority: 'delivery',
      signal: context.signal,
    });
    return {
      rutterAccountId,
      ready: isAccountReady(account),
      transactionStartDate: account.transactionStartDate,
    };
  } catch (error) {
    if (isNotFound(error)) return { rutterAccountId, ready: false, transactionStartDate: null };
    throw error;
  }
}
