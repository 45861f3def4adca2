import { ApplicationFailure } from '@temporalio/common';
import { readPendingRestore } from '../../../db/database-mark.js';
import { failureTypes } from '../../../domain/failures.js';
import type { RutterDeps } from '../deps.js';

/**
 * A new connection waits while a restored database is being repaired: the customer may have one at Rutter already, which
 * the repair adopts, and a second one would get the whole history again.
 *
 * @throws a retryable failure
 */
export async function awaitRestoreRepair({ pool }: Pick<RutterDeps, 'pool'>): Promise<void> {
  if ((await readPendingRestore(pool)) === null) return;
  throw ApplicationFailure.create({
    message: 'the restored database is being repaired',
    type: failureTypes.databaseUnavailable,
  });
}
