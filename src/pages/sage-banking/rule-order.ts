import type { SageCommandRow } from '../../db/sage-banking/command-types.js';
import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import type { SageRuleConflict, SageRulePreviewResult } from '../../db/sage-banking/command-types.js';
import type { RuleDraft } from '../../domain/sage-banking/rules/rule.js';
import { validateRule } from '../../domain/sage-banking/rules/validate-rule.js';
import { html } from '../html.js';
import { messageMain } from '../layout.js';
import { seeOther } from '../page-problem.js';
import { rulePreviewView } from './rule-preview-view.js';
import { formOfRule } from './rule-form-state.js';
import { sendRuleForm } from './save-rule.js';
import { requireConnected } from './rules.js';
import type { SageVisit } from './context.js';
import { requireUuid, timeZoneOf } from './context.js';
import { awaitOwnCommand, commandProblemText, sendCommandFailed } from './run-command.js';
import { sendSageMessage, sendSagePage, sendWaiting, linkButton } from './page.js';
import { sagePaths } from './paths.js';
import { conflictOf, ruleConflictView } from './rule-conflict-view.js';
import { versionOf, type RuleVersion } from './rule-version.js';

const ruleOrderKinds = [
  'sage_create_rule',
  'sage_amend_rule',
  'sage_delete_rule',
  'sage_dry_run_rule',
  'sage_delete_disconnected_rule',
] as const;

/**
 * `GET /status/sage/accounts/<account>/rule-orders/<command>`: waits until Sage has changed the rule, then shows the
 * list. A rule that Sage refused is shown in its form again, so that nobody has to type it twice; a preview is shown below it.
 */
export async function showRuleOrder(visit: SageVisit): Promise<void> {
  const { t } = visit.pages;
  const account = await requireConnected(visit);
  const { sageAccountId } = account;
  const commandId = requireUuid(visit, 'commandId');
  const command = await awaitOwnCommand(visit, { commandId, kinds: ruleOrderKinds, account });
  switch (command.state) {
    case 'running': {
      const { title, heading, lead } = t.sage.waiting;
      return sendWaiting(visit, {
        title,
        heading,
        lead,
        path: sagePaths.ruleOrder(sageAccountId, commandId),
      });
    }
    case 'failed':
      return await sendOrderFailed(visit, account, command);
    case 'done':
      if (command.kind === 'sage_dry_run_rule') return await sendRulePreview(visit, account, command);
      if (command.kind === 'sage_delete_disconnected_rule') {
        return seeOther(visit.response, sagePaths.restore(sageAccountId));
      }
      return seeOther(visit.response, `${sagePaths.rules(sageAccountId)}?saved=1`);
    default:
      return command.state satisfies never;
  }
}

async function sendOrderFailed(
  visit: SageVisit,
  account: SageAccountRow,
  command: SageCommandRow,
): Promise<void> {
  const { t } = visit.pages;
  const rule = wholeRuleOf(command);
  const list = sagePaths.rules(account.sageAccountId);
  const conflict = conflictOf(command);
  if (conflict !== null) return await sendConflict(visit, account, { command, conflict, rule });
  const isUnknown =
    command.problem?.code === 'provider_unavailable' || command.problem?.code === 'interrupted';
  const mayBeDone = isUnknown && command.kind !== 'sage_dry_run_rule';
  if (rule === null) {
    const backLink = linkButton(list, t.sage.account.rules);
    if (mayBeDone) return sendSageMessage(visit, { message: t.sage.rules.mayBeDone, status: 502, backLink });
    return sendCommandFailed(visit, command, backLink);
  }
  sendRuleForm(visit, {
    account,
    ruleId: command.input.rule_id ?? null,
    state: formOfRule(rule),
    version: versionIn(command),
    alert: failureText(visit, command, mayBeDone),
    ...(mayBeDone ? { alertLink: html`<a href="${list}">${t.sage.ruleForm.checkAtList}</a>` } : {}),
    status: 409,
  });
}

/**
 * The rule is another version by now: who changed what, and the form as it was typed. Saving it again replaces the version
 * that is shown here.
 */
async function sendConflict(
  visit: SageVisit,
  account: SageAccountRow,
  {
    command,
    conflict,
    rule,
  }: { command: SageCommandRow; conflict: SageRuleConflict; rule: RuleDraft | null },
): Promise<void> {
  const { t } = visit.pages;
  const notice = ruleConflictView(visit, {
    conflict,
    basedOn: command.input.based_on,
    timeZone: await timeZoneOf(visit),
  });
  const texts = t.sage.ruleConflict;
  if (rule === null) {
    const list = linkButton(sagePaths.rules(account.sageAccountId), t.sage.account.rules);
    const more = html`${notice}
      <div class="actions">${list}</div>`;
    const main = messageMain({ heading: texts.notDone, paragraphs: [], more });
    return sendSagePage(visit, { title: texts.notDone, main, status: 409 });
  }
  sendRuleForm(visit, {
    account,
    ruleId: command.input.rule_id ?? null,
    state: formOfRule(rule),
    version: versionOf(conflict.rule),
    notice,
    alert: texts.notSaved,
    status: 409,
  });
}

/** The version that the command was bound to. */
function versionIn({ input }: SageCommandRow): RuleVersion | null {
  const [etag] = input.if_match ?? [];
  return etag === undefined ? null : { etag, basedOn: input.based_on ?? null };
}

/** When Sage did not answer, the rule may have been saved all the same, and the page must not say otherwise. */
function failureText(visit: SageVisit, command: SageCommandRow, mayBeDone: boolean): string {
  const { ruleForm } = visit.pages.t.sage;
  if (mayBeDone) return ruleForm.mayBeSaved;
  const what = command.kind === 'sage_dry_run_rule' ? ruleForm.notTried : ruleForm.notSaved;
  return `${what} ${commandProblemText(visit, command)}`;
}

async function sendRulePreview(
  visit: SageVisit,
  account: SageAccountRow,
  command: SageCommandRow,
): Promise<void> {
  const rule = wholeRuleOf(command);
  if (rule === null) throw new Error('a preview without its rule');
  // The kind of the command determines the type of the result; the row was written by our own activity.
  const result = command.result as SageRulePreviewResult;
  const ruleId = command.input.rule_id ?? null;
  const below = await rulePreviewView(visit, { account, result, ruleId });
  sendRuleForm(visit, { account, ruleId, state: formOfRule(rule), version: versionIn(command), below });
}

/** The rule of the command; null when the command only moves or deletes a rule. */
function wholeRuleOf({ input }: SageCommandRow): RuleDraft | null {
  const validated = validateRule(input.rule);
  return 'rule' in validated ? validated.rule : null;
}
