import { isRutterError } from '../clients/rutter/errors.js';
import { recordConnectionRefused } from '../db/feed-facts.js';
import { failureTypes } from '../domain/failures.js';
import type { ActivityDeps } from './deps.js';
import { OrganisationRefused, readFailure } from './failures.js';

/**
 * What to throw for an error of a call that carried a connection's token. A 401 is ambiguous: a job that cannot exist
 * is asked for, without a token; refused too, it is the bank's own credentials and no customer's fault. Otherwise a
 * refused connection is recorded, with its feeds, and its workflow nudged to find the way out.
 *
 * @throws what the probe throws: then nothing is known and the activity is tried again
 */
export async function explainRefusal(
  deps: ActivityDeps,
  input: { connectionId: string; error: unknown },
): Promise<unknown> {
  const { connectionId, error } = input;
  if (readFailure(error).type !== failureTypes.connectionRefused || !isRutterError(error)) return error;
  const probe = error.kind === 'unauthorized' ? await deps.rutter.probeCredentials() : 'good';
  if (probe === 'refused') return new OrganisationRefused(error);
  const words = 'errorMessage' in error ? error.errorMessage : null;
  const code = ('errorCode' in error ? error.errorCode : null) ?? error.kind;
  await recordConnectionRefused(deps.pool, { connectionId, code, words });
  await deps.workflows.nudgeConnection({ connectionId });
  return error;
}

/**
 * Whether an error is the final answer to an accepted request (contract 11.2): the key repeats this very error from
 * now on, so whoever wants to try again needs a new one. A 5xx among them says that it may have happened all the same.
 */
export function isSpentKey(error: unknown): boolean {
  if (!isRutterError(error)) return false;
  switch (error.kind) {
    case 'refused':
    case 'rate_limited':
    case 'unauthorized':
      return error.accepted;
    case 'outcome_unknown':
      return error.jobId !== undefined && error.reason === 'server_error';
    case 'unreachable':
    case 'unexpected_answer':
      return false;
  }
}
