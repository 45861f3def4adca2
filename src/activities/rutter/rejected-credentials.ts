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
 * Our own credentials, refused for everybody: one row in the database says so. Whoever meets the refusal writes it; all
 * that go on by themselves check it first and ask Rutter nothing while it stands, but for one probe every 30 s.
 */

/**
 * Returns when nothing is known against our credentials: a check one row. While they are refused one caller at a time
 * tries them.
 *
 * @throws CredentialsRejected, or what the probe throws: then nothing new is known
 */
export async function requireCredentials(deps: RutterDeps): Promise<void> {
  const outage = await readOutage(deps.pool);
  if (outage === null) return;
  if (outage.probeDue && (await claimProbe(deps.pool))) {
    // In the feeds' own delivery lock: people who wait are not kept from their turn by it.
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
