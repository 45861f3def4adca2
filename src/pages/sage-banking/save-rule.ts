import { randomUUID } from 'node:crypto';
import { recordRefusedRule } from '../../api/sage-banking/require-valid-rule.js';
import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import type { RuleDraft, RuleProblem } from '../../domain/sage-banking/rules/rule.js';
import { validateRule } from '../../domain/sage-banking/rules/validate-rule.js';
import { readField } from '../form.js';
import type { Html } from '../html.js';
import { PageProblem, seeOther } from '../page-problem.js';
import type { RuleFormState } from './rule-form-state.js';
import {
  changedRuleForm,
  formOfRule,
  newRuleForm,
  readRuleForm,
  readRuleFormStep,
  ruleOfForm,
} from './rule-form-state.js';
import { ruleFormMain } from './rule-form-view.js';
import { readRule, requireConnected, ruleIdOf } from './rules.js';
import type { SageVisit } from './context.js';
import { readOrderId } from './context.js';
import { startCommand } from './run-command.js';
import { sendSagePage } from './page.js';
import { sagePaths } from './paths.js';
import { changeOfVersion, readVersion, versionOf, type RuleVersion } from './rule-version.js';

/** `GET /status/sage/accounts/<account>/new-rule`. */
export async function showNewRule(visit: SageVisit): Promise<void> {
  const account = await requireConnected(visit);
  sendRuleForm(visit, { account, ruleId: null, state: newRuleForm });
}

/** `GET …/rules/<rule>`: the rule as Sage has it now, as a form. */
export async function showRule(visit: SageVisit): Promise<void> {
  const account = await requireConnected(visit);
  const rule = await readRule(visit, account, sagePaths.rule(account.sageAccountId, ruleIdOf(visit)));
  if (rule === null) return;
  const version = versionOf(rule);
  sendRuleForm(visit, { account, ruleId: rule.ruleId, state: formOfRule(rule), version });
}

export async function workOnNewRule(visit: SageVisit): Promise<void> {
  await workOnRule(visit, null);
}

export async function workOnOldRule(visit: SageVisit): Promise<void> {
  await workOnRule(visit, ruleIdOf(visit));
}

/**
 * `POST` of either: the action of the pressed button. Rows are added and removed without validation; a rule is validated
 * before it is previewed or saved, and shown again with the problem beside each field.
 */
async function workOnRule(visit: SageVisit, ruleId: string | null): Promise<void> {
  const { t } = visit.pages;
  const account = await requireConnected(visit);
  const orderId = readOrderId(visit);
  const step = readRuleFormStep(readField(visit.request, t, 'do'));
  if (step === null) throw new PageProblem(400, t.problems.badForm);
  const state = changedRuleForm(readRuleForm(visit.request, t), step);
  const version = ruleId === null ? null : readVersion(visit);
  const form = { account, ruleId, state, orderId, version };
  if (step.kind !== 'save' && step.kind !== 'dry_run') return sendRuleForm(visit, form);
  const validated = validateRule(ruleOfForm(state));
  if ('problems' in validated) {
    await recordRefusedRule(visit.pages, account, validated.problems);
    const alert = t.sage.ruleForm.invalid;
    return sendRuleForm(visit, { ...form, problems: validated.problems, alert, status: 422 });
  }
  // A preview changes nothing, so each one is a new command; saving twice is one command.
  const commandId = step.kind === 'dry_run' ? randomUUID() : orderId;
  await orderRule(visit, { ...form, rule: validated.rule, commandId, step: step.kind });
  seeOther(visit.response, sagePaths.ruleOrder(account.sageAccountId, commandId));
}

/** A change contains only the members that the form shows: the rank and all other members of the rule are kept. */
async function orderRule(
  visit: SageVisit,
  order: {
    account: SageAccountRow;
    ruleId: string | null;
    rule: RuleDraft;
    version: RuleVersion | null;
    commandId: string;
    step: 'save' | 'dry_run';
  },
): Promise<void> {
  const { ruleId, commandId, step } = order;
  const { ruleName, ruleConditions, ruleActions } = order.rule;
  const saving = ruleId === null ? 'sage_create_rule' : 'sage_amend_rule';
  await startCommand(visit, {
    commandId,
    kind: step === 'dry_run' ? 'sage_dry_run_rule' : saving,
    input: {
      sage_account_id: order.account.sageAccountId,
      ...(ruleId === null ? {} : { rule_id: ruleId }),
      rule: { ruleName, ruleConditions, ruleActions },
      // A preview is bound to nothing; its page goes on with the version that the form came with.
      ...changeOfVersion(order.version),
    },
  });
}

/** The form of a new or existing rule, with its problems or its preview. */
export function sendRuleForm(
  visit: SageVisit,
  form: {
    account: SageAccountRow;
    /** Null for a new rule. */
    ruleId: string | null;
    state: RuleFormState;
    /** Of an existing rule; null: the change is made whatever the rule is by then. */
    version?: RuleVersion | null;
    orderId?: string;
    problems?: readonly RuleProblem[];
    alert?: string;
    /** Below the alert. */
    notice?: Html;
    /** A link for the alert. */
    alertLink?: Html;
    below?: Html;
    status?: number;
  },
): void {
  const { t } = visit.pages;
  const texts = t.sage.ruleForm;
  const { sageAccountId } = form.account;
  const heading = form.ruleId === null ? texts.newHeading : texts.editHeading(form.state.name);
  const main = ruleFormMain(t, {
    heading,
    action:
      form.ruleId === null ? sagePaths.newRule(sageAccountId) : sagePaths.rule(sageAccountId, form.ruleId),
    formToken: visit.customer.formToken,
    orderId: form.orderId ?? randomUUID(),
    state: form.state,
    problems: form.problems ?? [],
    alert: form.alert,
    alertLink: form.alertLink,
    notice: form.notice,
    below: form.below,
    cancelPath: sagePaths.rules(sageAccountId),
    version: form.version ?? null,
  });
  sendSagePage(visit, { title: heading, main, status: form.status ?? 200, wide: true });
}
