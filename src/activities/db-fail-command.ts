import { failCommand, type CommandProblemCode, type CommandState } from '../db/commands.js';
import type { ActivityDeps } from './deps.js';

/*
 * Ends a command that could not be carried out within its budget. A repeat changes nothing, and neither does it touch
 * one that has ended. Failures: DatabaseUnavailable (retried).
 */

export interface FailCommandInput {
  readonly commandId: string;
  readonly code: CommandProblemCode;
}

export interface FailCommandResult {
  /** The state in which the command stands: `done` when an attempt came through after all. */
  readonly state: CommandState;
}

const messages: Readonly<Record<CommandProblemCode, string>> = {
  connection_taken: 'The connection belongs to another customer.',
  connection_mismatch: 'The access token belongs to another connection.',
  token_refused: 'Rutter does not accept the token of the connection.',
  provider_refused: 'Rutter refused the request.',
  organisation_refused: 'Rutter does not accept our credentials: an operator must look at them.',
  peer_unavailable: 'Rutter did not answer in time. Asking again is safe.',
  wrong_state: 'The state of the feed does not allow it any more.',
  list_too_long: 'There is more to compare than one request may: ask for a later date.',
};

export function dbFailCommand(deps: ActivityDeps) {
  return async (input: FailCommandInput): Promise<FailCommandResult> => {
    const { commandId, code } = input;
    const state = await failCommand(deps.pool, { commandId, problem: { code, message: messages[code] } });
    return { state };
  };
}
