import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import type { SageRuleResult } from '../../db/sage-banking/command-types.js';
import { limits } from '../../domain/limits.js';
import { idProblem } from '../../domain/text.js';
import { readField } from '../form.js';
import { html } from '../html.js';
import { messageMain } from '../layout.js';
import { PageProblem, seeOther } from '../page-problem.js';
import { isDisconnecting } from './account-view.js';
import { requireOwnAccount } from './own-account.js';
import { readRules } from './read-rules.js';
import { ruleListMain } from './rule-list-view.js';
import type { SageVisit } from './context.js';
import { notFoundProblem, orderFields, readOrderId } from './context.js';
import { startCommand } from './run-command.js';
import { sendSagePage, linkButton } from './page.js';
import { sagePaths } from './paths.js';
import { changeOfVersion, readVersion, versionFields, versionOf } from './rule-version.js';

/** A rank as sent by the page's own buttons; Sage treats a rank beyond the end as the end. */
const rankPattern = /^[1-9]\d{0,3}$/;

/** `GET /status/sage/accounts/<account>/rules`: the rules as Sage has them now, in their order. */
export async function showRules(visit: SageVisit): Promise<void> {
  const account = await requireConnected(visit);
  const rules = await readRules(visit, account, sagePaths.rules(account.sageAccountId));
  if (rules === null) return;
  const main = ruleListMain(visit, { account, rules, justSaved: visit.request.query.saved === '1' });
  sendSagePage(visit, { title: visit.pages.t.sage.rules.title, main, wide: true });
}

/** `POST …/rules/<rule>/move`: gives the rule another rank. The same rank again changes nothing. */
export async function moveRule(visit: SageVisit): Promise<void> {
  const { t } = visit.pages;
  const { sageAccountId } = await requireConnected(visit);
  const rank = readField(visit.request, t, 'rank');
  if (!rankPattern.test(rank)) throw new PageProblem(400, t.problems.badForm);
  const commandId = readOrderId(visit);
  await startCommand(visit, {
    commandId,
    kind: 'sage_amend_rule',
    input: {
      sage_account_id: sageAccountId,
      rule_id: ruleIdOf(visit),
      rule: { ruleRank: Number(rank) },
      ...changeOfVersion(readVersion(visit)),
    },
  });
  seeOther(visit.response, sagePaths.ruleOrder(sageAccountId, commandId));
}

/** `GET …/rules/<rule>/delete`: asks for confirmation. */
export async function askToDeleteRule(visit: SageVisit): Promise<void> {
  const account = await requireConnected(visit);
  const { sageAccountId } = account;
  const rule = await readRule(visit, account, sagePaths.deleteRule(sageAccountId, ruleIdOf(visit)));
  if (rule === null) return;
  const texts = visit.pages.t.sage.rules;
  const main = messageMain({
    heading: texts.deleteQuestion(rule.ruleName),
    paragraphs: texts.deleteExplained,
    more: html`<div class="actions">
      <form method="post" action="${sagePaths.deleteRule(sageAccountId, rule.ruleId)}">
        ${orderFields(visit)} ${versionFields(versionOf(rule))}
        <button type="submit" class="danger">${texts.deleteConfirm}</button>
      </form>
      ${linkButton(sagePaths.rules(sageAccountId), texts.deleteKeep)}
    </div>`,
  });
  sendSagePage(visit, { title: texts.deleteConfirm, main });
}

/** `POST` the same: deletes the rule at Sage, once under the form's id. */
export async function deleteRule(visit: SageVisit): Promise<void> {
  const { sageAccountId } = await requireConnected(visit);
  const commandId = readOrderId(visit);
  await startCommand(visit, {
    commandId,
    kind: 'sage_delete_rule',
    input: {
      sage_account_id: sageAccountId,
      rule_id: ruleIdOf(visit),
      ...changeOfVersion(readVersion(visit)),
    },
  });
  seeOther(visit.response, sagePaths.ruleOrder(sageAccountId, commandId));
}

/** The rule in the URL as Sage has it now; null: an answer was already sent. @throws {PageProblem} 404 */
export async function readRule(
  visit: SageVisit,
  account: SageAccountRow,
  path: string,
): Promise<SageRuleResult | null> {
  const rules = await readRules(visit, account, path);
  if (rules === null) return null;
  const rule = rules.find(({ ruleId }) => ruleId === ruleIdOf(visit));
  if (rule === undefined) throw notFoundProblem(visit);
  return rule;
}

/** Sage's id in the URL. @throws {PageProblem} 404 when it cannot be an id */
export function ruleIdOf(visit: SageVisit): string {
  const { ruleId } = visit.request.params;
  if (typeof ruleId !== 'string' || idProblem(ruleId, limits.idLengthMax) !== null)
    throw notFoundProblem(visit);
  return ruleId;
}

/** The customer's account, if its rules can be changed. @throws {PageProblem} 404, 409 */
export async function requireConnected(visit: SageVisit): Promise<SageAccountRow> {
  const account = await requireOwnAccount(visit);
  if (account.status === 'cancelled' || isDisconnecting(account)) {
    throw new PageProblem(409, visit.pages.t.sage.rules.closed);
  }
  return account;
}
