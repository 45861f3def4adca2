import type { SageCommandRow } from '../../db/sage-banking/command-types.js';
import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import { listSageAccountsOfConnection } from '../../db/sage-banking/accounts.js';
import type { SageRestorableRule, SageRestoreResult } from '../../db/sage-banking/command-types.js';
import { limits } from '../../domain/limits.js';
import { idProblem } from '../../domain/text.js';
import { readFields } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { messageMain } from '../layout.js';
import { PageProblem, seeOther } from '../page-problem.js';
import { alertBox } from '../sign-in/sign-in-form.js';
import { namesOfRestorable, readRestorable } from './read-rules.js';
import { conditionText, reprocessForm } from './rule-list-view.js';
import { requireConnected } from './rules.js';
import type { SageVisit } from './context.js';
import { orderFields, readOrderId, requireUuid } from './context.js';
import { awaitOwnCommand, startCommand, sendCommandFailed } from './run-command.js';
import { sendSagePage, sendWaiting, linkButton } from './page.js';
import { sagePaths } from './paths.js';

/** Rules of an account, and of all accounts of a company together, are at most some hundreds. */
const ruleIdsMax = 1_000;

/** `GET /status/sage/accounts/<account>/restore`: the rules of the company's disconnected accounts, to choose from. */
export async function showRestorable(visit: SageVisit): Promise<void> {
  const account = await requireConnected(visit);
  await sendRestorable(visit, account, {});
}

/** `POST` the same: creates the ticked rules on this account. Nothing is restored twice. */
export async function restoreRules(visit: SageVisit): Promise<void> {
  const { t } = visit.pages;
  const account = await requireConnected(visit);
  const { sageAccountId } = account;
  const commandId = readOrderId(visit);
  const ruleIds = [...new Set(readFields(visit.request, 'rule_id'))];
  if (ruleIds.length === 0) {
    return await sendRestorable(visit, account, { alert: t.sage.restore.noneTicked, status: 422 });
  }
  const areIds = ruleIds.every((ruleId) => idProblem(ruleId, limits.idLengthMax) === null);
  if (ruleIds.length > ruleIdsMax || !areIds) throw new PageProblem(400, t.problems.badForm);
  await startCommand(visit, {
    commandId,
    kind: 'sage_restore_rules',
    input: { sage_account_id: sageAccountId, rule_ids: ruleIds },
  });
  seeOther(visit.response, sagePaths.restoring(sageAccountId, commandId));
}

async function sendRestorable(
  visit: SageVisit,
  account: SageAccountRow,
  again: { alert?: string; status?: number },
): Promise<void> {
  const { t, pool } = visit.pages;
  const texts = t.sage.restore;
  const { sageAccountId } = account;
  const rules = await readRestorable(visit, account, sagePaths.restore(sageAccountId));
  if (rules === null) return;
  const back = linkButton(sagePaths.account(sageAccountId), t.sage.backToAccount);
  if (rules.length === 0) {
    const more = html`<div class="actions">${back}</div>`;
    const main = messageMain({ heading: texts.heading, paragraphs: [texts.none], more });
    return sendSagePage(visit, { title: texts.title, main });
  }
  const siblings = await listSageAccountsOfConnection(pool, account);
  const own = predecessorsOf(account, siblings);
  const nameOf = new Map(siblings.map(({ bankAccountId, name }) => [bankAccountId, name]));
  const main = html`<div class="card">
    <h1>${texts.heading}</h1>
    <p>${texts.lead}</p>
    ${alertBox(again.alert)}
    <form method="post" action="${sagePaths.restore(sageAccountId)}">
      ${orderFields(visit)}
      <fieldset>
        <legend>${t.sage.rules.title}</legend>
        ${rules.map((rule, index) => ruleBox(visit, { sageAccountId, rule, index, nameOf, isOwn: own.has(rule.sage_account_id ?? '') }))}
      </fieldset>
      <div class="actions">
        <button type="submit">${texts.button}</button>
        ${back}
      </div>
    </form>
  </div>`;
  sendSagePage(visit, { title: texts.title, main, status: again.status ?? 200 });
}

/** The predecessors of this account, one after the other. */
function predecessorsOf(account: SageAccountRow, siblings: readonly SageAccountRow[]): ReadonlySet<string> {
  const byId = new Map(siblings.map((sibling) => [sibling.sageAccountId, sibling]));
  const found = new Set<string>();
  let next = account.predecessorId;
  while (next !== null && !found.has(next)) {
    found.add(next);
    next = byId.get(next)?.predecessorId ?? null;
  }
  return found;
}

/** Ticked at first: rules of this account's predecessors, unless they were restored already. */
function ruleBox(
  visit: SageVisit,
  {
    sageAccountId,
    rule,
    index,
    nameOf,
    isOwn,
  }: {
    sageAccountId: string;
    rule: SageRestorableRule;
    index: number;
    nameOf: ReadonlyMap<string, string>;
    isOwn: boolean;
  },
): Html {
  const texts = visit.pages.t.sage.restore;
  const isHere = rule.restored_rule_id !== null;
  const deletePath = sagePaths.deleteRestorable(sageAccountId, rule.ruleId);
  const former = nameOf.get(rule.bankAccountId ?? '');
  return html`<div class="choice">
    <input
      type="checkbox"
      name="rule_id"
      id="rule-${index}"
      value="${rule.ruleId}"
      aria-describedby="rule-${index}-hint"
      ${isHere ? html`disabled` : isOwn && html`checked`}
    />
    <label for="rule-${index}"><bdi>${rule.ruleName}</bdi></label>
    <span class="hint" id="rule-${index}-hint">
      ${former === undefined ? texts.ofUnknown : html`<bdi>${texts.of(former)}</bdi>`}:
      ${conditionText(visit, rule)} ${isHere && html`– ${texts.already}`} –
      <a href="${deletePath}" aria-label="${texts.deleteLabel(rule.ruleName)}">${texts.delete}</a>
    </span>
  </div>`;
}

/** `GET …/restored/<command>`: the outcome of each rule, and the offer to run them. */
export async function showRestored(visit: SageVisit): Promise<void> {
  const { t } = visit.pages;
  const account = await requireConnected(visit);
  const { sageAccountId } = account;
  const commandId = requireUuid(visit, 'commandId');
  const command = await awaitOwnCommand(visit, { commandId, kinds: ['sage_restore_rules'], account });
  if (command.state === 'running') {
    const { title, heading, lead } = t.sage.waiting;
    return sendWaiting(visit, { title, heading, lead, path: sagePaths.restoring(sageAccountId, commandId) });
  }
  const back = linkButton(sagePaths.account(sageAccountId), t.sage.backToAccount);
  if (command.state === 'failed') return sendCommandFailed(visit, command, back);
  const outcome = outcomeOf(command, await namesOfRestorable(visit, account), t.sage.restore.someRule);
  const texts = t.sage.restore;
  const main = html`<div class="card">
    <h1>${texts.outcomeHeading}</h1>
    ${outcome.length === 0 && html`<p>${texts.none}</p>`}
    <ul class="plain">
      ${outcome.map(
        ({ name, reason }) =>
          html`<li>
            <div class="row">
              <h2 class="first"><bdi>${name}</bdi></h2>
              <span class="state ${reason === null ? 'is-good' : 'is-waiting'}"
                >${reason === null ? texts.restored : texts.failed}</span
              >
            </div>
            ${reason !== null && html`<p class="soft">${reason}</p>`}
          </li>`,
      )}
    </ul>
    ${outcome.some(({ reason }) => reason === null) && html`<p>${texts.offer}</p>`}
    <div class="actions">
      ${outcome.some(({ reason }) => reason === null) && reprocessForm(visit, sageAccountId, 'primary')}
      ${linkButton(sagePaths.rules(sageAccountId), t.sage.account.rules)} ${back}
    </div>
  </div>`;
  sendSagePage(visit, { title: texts.outcomeHeading, main });
}

/** The outcome per rule, with the reason where it was not restored. */
function outcomeOf(
  { result }: SageCommandRow,
  names: ReadonlyMap<string, string>,
  someRule: string,
): { name: string; reason: string | null }[] {
  // The kind of the command determines the type of the result; the row was written by our own activity.
  const { restored, failed } = result as SageRestoreResult;
  const nameOf = (ruleId: string) => names.get(ruleId) ?? someRule;
  return [
    ...restored.map(({ rule_id }) => ({ name: nameOf(rule_id), reason: null })),
    ...failed.map(({ rule_id, reason }) => ({ name: nameOf(rule_id), reason })),
  ];
}
