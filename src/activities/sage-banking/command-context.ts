import type { CommandProblem } from '../../db/commands.js';
import type { SageCommandRow } from '../../db/sage-banking/command-types.js';
import type { SageCompanyAccess } from '../../clients/sage-banking/client.js';
import { isSageNotFound } from '../../clients/sage-banking/errors.js';
import { sageRuleInputSchema, type SageRuleInput } from '../../clients/sage-banking/schemas.js';
import type { Queryable } from '../../db/pool.js';
import { whereOf, type SageAccountRow } from '../../db/sage-banking/accounts.js';
import { isRuleChangedLater, markCommandSent } from '../../db/sage-banking/commands.js';
import type { SageCommandResult } from '../../db/sage-banking/command-types.js';
import type { TimelineEntry } from '../../db/timeline.js';
import type { SageBankingDeps, SageBankingParts } from './deps.js';
import { Obsolete } from '../failures.js';
import { accountAccess } from './access.js';

export interface SageCommandContext {
  readonly deps: SageBankingDeps;
  readonly sage: SageBankingParts;
  readonly command: SageCommandRow;
  readonly signal: AbortSignal;
}

/** How a command ends: the result for its row, and what is written in the same transaction. */
export interface SageCommandEnding {
  readonly result: SageCommandResult;
  readonly timeline?: TimelineEntry;
  readonly also?: (db: Queryable) => Promise<void>;
}

/** The command ends with a problem; not a failure of the activity. */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused';
  constructor(readonly problem: CommandProblem) {
    super(problem.message);
  }
}

export function wrongState(): CommandRefused {
  return new CommandRefused({
    code: 'wrong_state',
    message: 'The account is cancelled at Sage: nothing about it can be changed.',
  });
}

export function ruleNotFound(): CommandRefused {
  return new CommandRefused({ code: 'rule_not_found', message: 'The account has no such rule at Sage.' });
}

export function ruleNameTaken(): CommandRefused {
  return new CommandRefused({
    code: 'rule_name_taken',
    message: 'Another rule of the account has this name: names are unique in an account.',
  });
}

export function superseded(): CommandRefused {
  return new CommandRefused({
    code: 'superseded',
    message: 'The same rule was changed again. Whether this command came before is unknown: read the rule.',
  });
}

/**
 * Records that a rule is about to be changed or deleted. A retry is allowed only for the newest command: otherwise an
 * earlier command whose answer was lost would undo the change of a later one.
 * @throws CommandRefused when a later one has changed the rule
 */
export async function markRuleWrite(
  { deps, command: { commandId } }: SageCommandContext,
  input: { sageAccountId: string; ruleId: string },
): Promise<{ again: boolean }> {
  const { again } = await markCommandSent(deps.pool, { commandId });
  if (again && (await isRuleChangedLater(deps.pool, { commandId, ...input }))) {
    throw superseded();
  }
  return { again };
}

/** The command's account, and the arguments of calls about its rules. */
export interface RuleTarget {
  readonly account: SageAccountRow;
  readonly call: { access: SageCompanyAccess; bankAccountId: string; signal: AbortSignal };
}

/** @throws Obsolete when the command has no account */
export async function ruleTarget({ deps, command, signal }: SageCommandContext): Promise<RuleTarget> {
  const { sage_account_id: sageAccountId } = command.input;
  if (sageAccountId === undefined) throw new Obsolete('the command has no account');
  const { account, access } = await accountAccess(deps, { sageAccountId });
  return { account, call: { access, bankAccountId: account.bankAccountId, signal } };
}

/** The same for a command that changes something. @throws CommandRefused for a cancelled account */
export async function changeableRuleTarget(context: SageCommandContext): Promise<RuleTarget> {
  const target = await ruleTarget(context);
  if (target.account.status === 'cancelled') throw wrongState();
  return target;
}

export function ruleIdOf({ command }: SageCommandContext): string {
  if (command.input.rule_id === undefined) throw new Obsolete('the command has no rule id');
  return command.input.rule_id;
}

/** The whole rule, as it was validated before it was stored. */
export function ruleOf({ command }: SageCommandContext): SageRuleInput {
  if (command.input.rule === undefined) throw new Obsolete('the command has no rule');
  return sageRuleInputSchema.parse(command.input.rule);
}

/** The command's changes of a rule, as they were validated. */
export function ruleChangesOf({ command }: SageCommandContext): Partial<SageRuleInput> {
  if (command.input.rule === undefined) throw new Obsolete('the command changes nothing');
  // Parsed JSON has no member that is undefined.
  return sageRuleInputSchema.partial().parse(command.input.rule) as Partial<SageRuleInput>;
}

/** An entry of the account's timeline about one of its rules. */
export function ruleEvent(
  { command }: SageCommandContext,
  { account }: RuleTarget,
  { kind, ruleId, ruleRank }: { kind: string; ruleId: string; ruleRank?: number },
): TimelineEntry {
  const rank = ruleRank === undefined ? {} : { rule_rank: ruleRank };
  return {
    ...whereOf(account),
    kind,
    detail: { rule_id: ruleId, ...rank, command_id: command.commandId },
  };
}

/** Makes a call about one rule. @throws CommandRefused when Sage does not know it */
export async function aboutOneRule<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isSageNotFound(error) ? ruleNotFound() : error;
  }
}

/**
 * The meaning of a 409 on writing a rule: the account was cancelled at Sage, or else the name is taken (contract 8).
 */
export async function explainConflict(
  context: SageCommandContext,
  { call }: RuleTarget,
): Promise<CommandRefused> {
  return (await isCancelledAtSage(context, call)) ? wrongState() : ruleNameTaken();
}

/** Whether Sage has cancelled the account, which our row may not show yet. */
export async function isCancelledAtSage(
  { sage }: SageCommandContext,
  call: RuleTarget['call'],
): Promise<boolean> {
  const { status } = await sage.client.getBankAccount(call);
  return status === 'cancelled';
}
