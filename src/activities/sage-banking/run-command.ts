import { failCommand, type CommandProblem } from '../../db/commands.js';
import { readSageCommand } from '../../db/sage-banking/commands.js';
import { cancellationSignal } from '@temporalio/activity';
import { isSageError } from '../../clients/sage-banking/errors.js';
import type { SageBankingDeps } from './deps.js';
import { Obsolete } from '../failures.js';
import { refusalProblem } from '../command-failure.js';
import type { RunCommandInput, RunCommandResult } from '../channel.js';
import { requireSageBanking } from './access.js';
import { createRule } from './rules/create-rule.js';
import { deleteDisconnectedRule } from './rules/delete-disconnected-rule.js';
import { deleteRule } from './rules/delete-rule.js';
import { previewRule } from './rules/preview-rule.js';
import { endSageCommand } from './end-command.js';
import { listCandidates } from './bank-link/list-candidates.js';
import { listBanks } from './bank-link/list-banks.js';
import { listRestorableRules } from './rules/list-restorable-rules.js';
import { getRule, listRules } from './rules/read-rules.js';
import { restoreRules } from './rules/restore-rules.js';
import { CommandRefused, type SageCommandContext, type SageCommandEnding } from './command-context.js';
import { amendRule, replaceRule } from './rules/write-rule.js';
import { whileHeartbeating } from '../while-heartbeating.js';

/*
 * Carries out one command at Sage's Banking Service and ends its row with a result, or with a problem and Sage's message.
 * A repeat is safe: an ended command stays unchanged; PUT, PATCH and DELETE of a rule may be done twice; before a rule is
 * posted again its name is looked up; a restore stores the outcome of each rule at once. Failures: ProviderUnavailable,
 * RateLimited, DatabaseUnavailable (retried within the command's budget); Obsolete. A refusal is the command's result.
 */
export function runSageCommand(deps: SageBankingDeps) {
  return async (input: RunCommandInput): Promise<RunCommandResult> => {
    const command = await readSageCommand(deps.pool, input);
    if (command === null) throw new Obsolete('the command does not exist');
    if (command.state !== 'running') return { state: command.state };
    const context = { deps, command, sage: requireSageBanking(deps), signal: cancellationSignal() };
    try {
      const ending = await whileHeartbeating(() => run(context));
      return { state: await endSageCommand(deps, { ...input, ending }) };
    } catch (error) {
      const problem = problemOf(error);
      if (problem === null) throw error;
      return { state: await failCommand(deps.pool, { ...input, problem }) };
    }
  };
}

function run(context: SageCommandContext): Promise<SageCommandEnding> {
  switch (context.command.kind) {
    case 'sage_list_banks':
      return listBanks(context);
    case 'sage_list_rules':
      return listRules(context);
    case 'sage_get_rule':
      return getRule(context);
    case 'sage_create_rule':
      return createRule(context);
    case 'sage_replace_rule':
      return replaceRule(context);
    case 'sage_amend_rule':
      return amendRule(context);
    case 'sage_delete_rule':
      return deleteRule(context);
    case 'sage_dry_run_rule':
      return previewRule(context);
    case 'sage_list_restorable_rules':
      return listRestorableRules(context);
    case 'sage_restore_rules':
      return restoreRules(context);
    case 'sage_delete_disconnected_rule':
      return deleteDisconnectedRule(context);
    case 'sage_list_candidates':
      return listCandidates(context);
    default:
      throw new Obsolete("the command is not for Sage's Banking Service");
  }
}

/** Null for a transient failure and for a bug of ours. */
function problemOf(error: unknown): CommandProblem | null {
  if (error instanceof CommandRefused) return error.problem;
  return isSageError(error) ? refusalProblem(error, providerMessageOf(error)) : null;
}

/** Sage's message, with its messages about single fields. */
function providerMessageOf(error: Error): string {
  const said =
    'errorMessage' in error && typeof error.errorMessage === 'string' ? error.errorMessage : error.message;
  const fields = 'fields' in error ? (error.fields as readonly { field: string; reason: string }[]) : [];
  return [said, ...fields.map(({ field, reason }) => `${field} ${reason}`)].join('; ');
}
