import { failCommand, type CommandProblemCode, type CommandState } from '../db/commands.js';
import type { ActivityDeps } from './deps.js';
import { endUnfinishedRestore } from './sage-banking/rules/end-restore.js';

/*
 * Ends a command that could not be carried out within its budget; a restoring that got somewhere with what it restored.
 * A repeat changes nothing, and neither does it touch one that has ended. Failures: DatabaseUnavailable (retried).
 */

export interface FailCommandInput {
  readonly commandId: string;
  readonly code: CommandProblemCode;
  /** Who was asked; Rutter unless given. */
  readonly provider?: 'sage';
}

export interface FailCommandResult {
  /** The state in which the command stands: `done` when an attempt came through after all, or far enough. */
  readonly state: CommandState;
}

const messages: Readonly<Record<CommandProblemCode, (provider: string) => string>> = {
  connection_taken: () => 'The connection belongs to another customer.',
  connection_mismatch: () => 'The access token belongs to another connection.',
  token_refused: (provider) => `${provider} does not accept the token of the connection.`,
  provider_refused: (provider) => `${provider} refused the request.`,
  credentials_rejected: (provider) =>
    `${provider} does not accept our credentials: an operator must check them.`,
  provider_unavailable: (provider) => `${provider} did not answer in time. Asking again is safe.`,
  wrong_state: () => 'The state of the feed does not allow it any more.',
  rule_not_found: () => 'The account has no such rule.',
  rule_name_taken: () => 'Another rule of the account has this name.',
  superseded: () => 'A later command has changed the same rule.',
  list_too_long: () => 'There is more to compare than one request may: ask for a later date.',
};

export function dbFailCommand(deps: ActivityDeps) {
  return async (input: FailCommandInput): Promise<FailCommandResult> => {
    const { commandId, code, provider } = input;
    const restored = provider === 'sage' ? await endUnfinishedRestore(deps, { commandId }) : null;
    if (restored !== null) return { state: restored };
    const message = messages[code](provider === 'sage' ? 'Sage' : 'Rutter');
    const state = await failCommand(deps.pool, { commandId, problem: { code, message } });
    return { state };
  };
}
