import { isRutterError } from '../../../clients/rutter/errors.js';
import type { RutterAccount } from '../../../clients/rutter/schemas.js';
import type { PublishingContext } from './create-account.js';

/** Documented: the connection's first sync is unfinished, and `force_fetch` reads past it (contract 5.3). */
const notReadyCode = 'PRODUCT_NOT_READY';

/** All accounts of the connection at Rutter, also while its first sync is unfinished. */
export async function listAccounts(
  context: Pick<PublishingContext, 'deps' | 'accessToken' | 'signal'>,
): Promise<RutterAccount[]> {
  const { accessToken, signal } = context;
  const input = { accessToken, signal, priority: 'interactive' as const };
  try {
    return await context.deps.rutter.listAllAccounts(input);
  } catch (error) {
    const notReady = isRutterError(error) && error.kind === 'refused' && error.errorCode === notReadyCode;
    if (!notReady) throw error;
    return await context.deps.rutter.listAllAccounts({ ...input, forceFetch: true });
  }
}
