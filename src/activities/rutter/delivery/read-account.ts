import { isNotFound } from '../../../clients/rutter/errors.js';
import { isAccountReady } from '../../../clients/rutter/schemas.js';
import { recordShownAccounts } from '../../../db/rutter/account-differences.js';
import type { AccountSeen } from '../../../domain/rutter/transitions.js';
import { accountShown } from '../publishing/account-shown.js';
import type { BatchContext } from './batch-context.js';

/**
 * Reads one account at Rutter (contract 6.1), and records what it shows of ours. One that is gone reads as not ready.
 */
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
    const { pool, keyring } = context.deps;
    await recordShownAccounts(pool, { keyring, accounts: [accountShown(account)] });
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
