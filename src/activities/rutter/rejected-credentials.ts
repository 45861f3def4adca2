import { log } from '@temporalio/activity';
import {
  claimProbe,
  endOutage,
  recordCredentialsRejected,
  readOutage,
} from '../../db/rutter/rejected-credentials.js';
import { failureTypes } from '../../domain/failures.js';
import type { RutterDeps } from './deps.js';
import { CredentialsRejected, readFailure } from '../failures.js';

/**
 * Rutter rejects our own credentials, for all connections: one row in the database records it. Any activity that meets
 * the rejection writes the row. Automatic work reads it first and sends nothing while it exists, except one probe every
 * 30 s.
 */

/**
 * Returns unless our credentials are recorded as rejected; reads one row. While they are, one caller at a time probes
 * them.
 *
 * @throws CredentialsRejected, or what the probe throws: then nothing new is known
 */
export async function requireCredentials(deps: RutterDeps): Promise<void> {
  const outage = await readOutage(deps.pool);
  if (outage === null) return;
  if (outage.probeDue && (await claimProbe(deps.pool))) {
    // With the priority of deliveries, so that it does not delay interactive requests.
    if ((await deps.rutter.probeCredentials({ priority: 'delivery' })) === 'good')
      return await endOutage(deps.pool);
  }
  throw new CredentialsRejected(undefined);
}

/** Probes rejected credentials when a probe is due, so that their alert can end. Never throws. */
export async function probeRejectedCredentials(deps: RutterDeps): Promise<void> {
  try {
    await requireCredentials(deps);
  } catch (error) {
    log.warn('credentials not accepted', { failureType: readFailure(error).type });
  }
}

/** Does `work`; a rejection of our own credentials that it meets is recorded for all processes. */
export async function recordingRejectedCredentials<T>(
  deps: Pick<RutterDeps, 'pool'>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { type } = readFailure(error);
    if (type === failureTypes.credentialsRejected) await recordCredentialsRejected(deps.pool);
    throw error;
  }
}
