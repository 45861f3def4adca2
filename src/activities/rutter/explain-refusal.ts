import { isRutterError } from '../../clients/rutter/errors.js';
import { recordConnectionRefused } from '../../db/rutter/feed-facts.js';
import { failureTypes } from '../../domain/failures.js';
import { recordingRejectedCredentials } from './rejected-credentials.js';
import type { RutterDeps } from './deps.js';
import { CredentialsRejected, readFailure } from '../failures.js';

/** A refusal of one connection: the provider's code, for programs, and the provider message. */
export interface ConnectionRefusal {
  readonly code: string;
  readonly message: string | null;
}

/**
 * The refusal of the connection whose token the call carried; null for any other error. A 401 is ambiguous, so a job
 * that cannot exist is requested without a token: if that is refused too, it is our own credentials that are rejected.
 *
 * @throws CredentialsRejected, or what the probe throws: then nothing is known and the activity is retried
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
    message: 'errorMessage' in error ? error.errorMessage : null,
  };
}

/**
 * What to throw for an error of a call that carried a connection's token. A refused connection is recorded, with its
 * feeds, and its workflow is woken to recover it.
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
 * Whether an error is the final answer to an accepted request (contract 11.2): the key repeats this error from now
 * on, so the next attempt needs a new key. After a 5xx the request may have taken effect.
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
