import { failCommand, type CommandProblem, type CommandProblemCode } from '../db/commands.js';
import { failureTypes } from '../domain/failures.js';
import type { FailCommandInput, FailCommandResult } from './channel.js';
import type { SharedDeps } from './deps.js';
import { readFailure } from './failures.js';

/**
 * The problem with which a provider's refusal ends a command; null for an error that is retried or is our own bug.
 * @param message the provider message, redacted
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

const messages: Readonly<Record<CommandProblemCode, (providerName: string) => string>> = {
  connection_taken: () => 'The connection belongs to another customer.',
  connection_mismatch: () => 'The access token belongs to another connection.',
  token_refused: (providerName) => `${providerName} does not accept the token of the connection.`,
  provider_refused: (providerName) => `${providerName} refused the request.`,
  credentials_rejected: (providerName) =>
    `${providerName} does not accept our credentials: an operator must check them.`,
  provider_unavailable: (providerName) => `${providerName} did not answer in time. Asking again is safe.`,
  wrong_state: () => 'The state of the feed does not allow it any more.',
  rule_not_found: () => 'The account has no such rule.',
  rule_name_taken: () => 'Another rule of the account has this name.',
  precondition_failed: () => 'The rule was changed since it was read. Nothing was changed.',
  superseded: () => 'A later command has changed the same rule.',
  interrupted: () =>
    'The request was interrupted, and whether it was carried out is not known. Asking again is safe.',
  list_too_long: () => 'There is more to compare than one request may: ask for a later date.',
};

/** Ends a command's row with a problem whose message names this provider. A repeat changes nothing. */
export function failCommandOf({ pool }: Pick<SharedDeps, 'pool'>, providerName: string) {
  return async ({ commandId, code }: FailCommandInput): Promise<FailCommandResult> => {
    const problem = { code, message: messages[code](providerName) };
    return { state: await failCommand(pool, { commandId, problem }) };
  };
}
