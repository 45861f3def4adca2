import { html } from '../html.js';
import { messageMain } from '../layout.js';
import { seeOther } from '../page-problem.js';
import type { SageVisit } from './context.js';
import { notFoundProblem, orderFields, readOrderId } from './context.js';
import { sendSagePage, linkButton } from './page.js';
import { sagePaths } from './paths.js';
import { readRestorable } from './read-rules.js';
import { requireConnected, ruleIdOf } from './rules.js';
import { startCommand } from './run-command.js';

/** `GET /status/sage/accounts/<account>/restore/<rule>/delete`: asks for confirmation. */
export async function askToDeleteRestorable(visit: SageVisit): Promise<void> {
  const { t } = visit.pages;
  const account = await requireConnected(visit);
  const { sageAccountId } = account;
  const ruleId = ruleIdOf(visit);
  const path = sagePaths.deleteRestorable(sageAccountId, ruleId);
  const rules = await readRestorable(visit, account, path);
  if (rules === null) return;
  const rule = rules.find((one) => one.ruleId === ruleId);
  if (rule === undefined) throw notFoundProblem(visit);
  const main = messageMain({
    heading: t.sage.rules.deleteQuestion(rule.ruleName),
    paragraphs: [t.sage.restore.deleteExplained],
    more: html`<div class="actions">
      <form method="post" action="${path}">
        ${orderFields(visit)}
        <button type="submit" class="danger">${t.sage.rules.deleteConfirm}</button>
      </form>
      ${linkButton(sagePaths.restore(sageAccountId), t.sage.rules.deleteKeep)}
    </div>`,
  });
  sendSagePage(visit, { title: t.sage.rules.deleteConfirm, main });
}

/** `POST` the same: deletes the rule at Sage, once under the form's id. */
export async function deleteRestorable(visit: SageVisit): Promise<void> {
  const { sageAccountId } = await requireConnected(visit);
  const commandId = readOrderId(visit);
  await startCommand(visit, {
    commandId,
    kind: 'sage_delete_disconnected_rule',
    input: { sage_account_id: sageAccountId, rule_id: ruleIdOf(visit) },
  });
  seeOther(visit.response, sagePaths.ruleOrder(sageAccountId, commandId));
}
