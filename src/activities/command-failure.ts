import type { CommandProblem } from '../db/commands.js';
import { failureTypes } from '../domain/failures.js';
import { readFailure } from './failures.js';

/**
 * The answer that a provider's refusal gives to a command, in the provider's words; null for what passes by itself or is
 * ours to mend.
 */
export function refusalProblem(error: unknown, message: string): CommandProblem | null {
  const { type, retryable } = readFailure(error);
  if (retryable) return null;
  switch (type) {
    case failureTypes.credentialsRejected:
      return { code: 'credentials_rejected', message };
    case failureTypes.connectionRefused:
      return { code: 'token_refused', message };
    case failureTypes.refused:
      return { code: 'provider_refused', message };
    default:
      return null;
  }
}
