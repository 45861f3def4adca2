import { isRutterError } from '../../clients/rutter/errors.js';
import { recordConnectionRefused } from '../../db/rutter/feed-facts.js';
import { failureTypes } from '../../domain/failures.js';
import { recordingRejectedCredentials } from './rejected-credentials.js';
import type { RutterDeps } from './deps.js';
import { CredentialsRejected, readFailure } from '../failures.js';

/** A refusal of one connection, in the provider's words: the code for programs, the words for people. */
export interface ConnectionRefusal {
  readonly code: string;
  readonly words: string | null;
}

/**
 * What of an error is a refusal of the connection whose token the call carried; null for everything else. A 401 is
 * ambiguous: a job that cannot exist is asked for, without a token; refused too, it is the bank's own credentials and
 * no customer's fault.
 *
 * @throws CredentialsRejected, or what the probe throws: then nothing is known and the activity is tried again
 */
export async function readConnectionRefusal(
  deps: RutterDeps,
  error: unknown,
): Promise<ConnectionRefusal | null> {
  if (!isRutterError(error)) return null;
  const { type } = readFailure(error);
  if (type === failureTypes.credentialsRejected) throw new CredentialsRejected(error);
  if (type !== failureTypes.connectionRefused) return null;
  const probe = error.kind === 'unauthorized' ? await deps.rutter.probeCredentials() : 'good';
  if (probe === 'refused') throw new CredentialsRejected(error);
  return {
    code: ('errorCode' in error ? error.errorCode : null) ?? error.kind,
    words: 'errorMessage' in error ? error.errorMessage : null,
  };
}

/**
 * What to throw for an error of a call that carried a connection's token. A refused connection is recorded, with its
 * feeds, and its workflow woken to find the way out.
 *
 * @throws CredentialsRejected, or what the probe throws
 */
export async function explainRefusal(
  deps: RutterDeps,
  input: { connectionId: string; error: unknown },
): Promise<unknown> {
  const { connectionId, error } = input;
  const refusal = await recordingRejectedCredentials(deps, () => readConnectionRefusal(deps, error));
  if (refusal === null) return error;
  await recordConnectionRefused(deps.pool, { connectionId, ...refusal });
  await deps.workflows.wakeConnection({ connectionId });
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
