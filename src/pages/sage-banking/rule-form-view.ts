import { ruleFields } from '../../domain/sage-banking/rules/rule-fields.js';
import type { RuleProblem } from '../../domain/sage-banking/rules/rule.js';
import { csrfFieldName } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { alertBox } from '../sign-in/sign-in-form.js';
import type { SageTexts } from './texts.js';
import { selectField, textField } from './fields.js';
import { labelOf } from './label-of.js';
import { fieldNames } from './rule-form-state.js';
import type { ActionState, ConditionState, RuleFormState } from './rule-form-state.js';
import { ruleProblemText } from './rule-problem-text.js';
import { versionFields, type RuleVersion } from './rule-version.js';

export interface RuleFormView {
  readonly heading: string;
  /** Where the form is sent. */
  readonly action: string;
  readonly formToken: string;
  readonly orderId: string;
  readonly state: RuleFormState;
  readonly problems: readonly RuleProblem[];
  readonly alert: string | undefined;
  /** Below the alert. */
  readonly notice?: Html | undefined;
  /** A link for the alert. */
  readonly alertLink?: Html | undefined;
  /** The preview, below the buttons. */
  readonly below?: Html | undefined;
  readonly cancelPath: string;
  /** Of an existing rule: the version that the form is filled in from. */
  readonly version: RuleVersion | null;
}

/** The input of the parts of the form. */
interface Part {
  readonly t: SageTexts;
  readonly state: RuleFormState;
  readonly problems: readonly RuleProblem[];
}

/** The form of a rule. Every button sends the whole form, so that nothing typed is lost when a row is added. */
export function ruleFormMain(t: SageTexts, view: RuleFormView): Html {
  const texts = t.sage.ruleForm;
  const part: Part = { t, state: view.state, problems: view.problems };
  return html`<div class="card">
    <h1>${view.heading}</h1>
    ${alertBox(view.alert)} ${view.alertLink !== undefined && html`<p>${view.alertLink}</p>`} ${view.notice}
    ${wholeProblems(part)}
    <form method="post" action="${view.action}">
      <input type="hidden" name="${csrfFieldName}" value="${view.formToken}" />
      <input type="hidden" name="order_id" value="${view.orderId}" />
      ${view.version !== null && versionFields(view.version)} ${firstButton('dry_run')}
      ${textField({
        name: fieldNames.name,
        label: texts.name,
        value: view.state.name,
        error: problemAt(part, '/ruleName'),
      })}
      <fieldset>
        <legend>${texts.conditions}</legend>
        <p class="hint">${texts.criteriaHint}</p>
        ${listProblem(part, '/ruleConditions')}
        ${view.state.conditions.map((condition, index) => conditionRow(part, condition, index))}
        ${stepButton('add_condition', texts.addCondition)}
      </fieldset>
      <fieldset>
        <legend>${texts.actions}</legend>
        <p class="hint">${texts.percentageHint}</p>
        ${listProblem(part, '/ruleActions')}
        ${view.state.actions.map((action, index) => actionRow(part, action, index))}
        ${stepButton('add_action', texts.addAction)}
      </fieldset>
      <div class="actions">
        <button type="submit" name="do" value="save">${texts.save}</button>
        <button type="submit" name="do" value="dry_run" class="quiet">${texts.preview}</button>
        <a class="button quiet" href="${view.cancelPath}">${t.sage.cancel}</a>
      </div>
    </form>
    ${view.below}
  </div>`;
}

/** An invisible first button for the Enter key, which would otherwise press one that removes a row. */
function firstButton(step: string): Html {
  return html`<button
    type="submit"
    name="do"
    value="${step}"
    class="unseen"
    tabindex="-1"
    aria-hidden="true"
  ></button>`;
}

function stepButton(step: string, label: string): Html {
  return html`<button type="submit" name="do" value="${step}" class="quiet slim">${label}</button>`;
}

function conditionRow(part: Part, condition: ConditionState, index: number): Html {
  const { t } = part;
  const texts = t.sage.ruleForm;
  const pointer = `/ruleConditions/${String(index)}`;
  return html`<fieldset class="part">
    <legend>${texts.condition(index + 1)}</legend>
    <div class="columns">
      ${selectField({
        name: fieldNames.condition(index, 'field'),
        label: texts.field,
        value: condition.field,
        options: withChosen(
          t,
          ruleFields.map((field) => [field, labelOf(texts.fields, field)]),
          condition.field,
        ),
        error: problemAt(part, `${pointer}/ruleField`),
      })}
      ${selectField({
        name: fieldNames.condition(index, 'operation'),
        label: texts.operation,
        value: condition.operation,
        options: withChosen(t, Object.entries(texts.operations), condition.operation),
        error: problemAt(part, `${pointer}/ruleOperation`),
      })}
    </div>
    ${textField({
      name: fieldNames.condition(index, 'criteria'),
      label: texts.criteria,
      value: condition.criteria,
      error: problemAt(part, `${pointer}/ruleCriteria`) ?? problemAt(part, pointer),
    })}
    ${stepButton(`remove_condition ${String(index)}`, texts.removeCondition(index + 1))}
  </fieldset>`;
}

function actionRow(part: Part, action: ActionState, index: number): Html {
  const texts = part.t.sage.ruleForm;
  const pointer = `/ruleActions/${String(index)}`;
  return html`<fieldset class="part">
    <legend>${texts.action(index + 1)}</legend>
    <div class="columns">
      ${textField({
        name: fieldNames.action(index, 'percentage'),
        label: texts.percentage,
        value: action.percentage,
        inputMode: 'decimal',
        error: problemAt(part, `${pointer}/splitPercentage`),
      })}
      ${textField({
        name: fieldNames.action(index, 'narrative'),
        label: texts.narrative,
        value: action.narrative,
        error: problemAt(part, `${pointer}/accountantNarrative`),
      })}
    </div>
    ${listProblem(part, `${pointer}/accountsPostings`)}
    ${action.postings.map((_posting, posting) => postingRow(part, { action, index, posting }))}
    <div class="actions">
      ${stepButton(`add_posting ${String(index)}`, texts.addPosting)}
      ${stepButton(`remove_action ${String(index)}`, texts.removeAction(index + 1))}
    </div>
  </fieldset>`;
}

function postingRow(part: Part, at: { action: ActionState; index: number; posting: number }): Html {
  const texts = part.t.sage.ruleForm;
  const { index, posting } = at;
  const pointer = `/ruleActions/${String(index)}/accountsPostings/${String(posting)}`;
  const field = (member: 'type' | 'code', label: string, hint: string) =>
    textField({
      name: fieldNames.posting(index, posting, member),
      label,
      hint,
      value: at.action.postings[posting]?.[member] ?? '',
      error: problemAt(part, `${pointer}/${member}`),
    });
  return html`<div class="columns" role="group" aria-label="${texts.posting(posting + 1)}">
    ${field('type', texts.postingType, texts.postingTypeHint)}
    ${field('code', texts.postingCode, texts.postingCodeHint)}
    ${
      at.action.postings.length > 1 &&
      html`<div class="field">
        ${stepButton(
          `remove_posting ${String(index)} ${String(posting)}`,
          texts.removePosting(posting + 1, index + 1),
        )}
      </div>`
    }
  </div>`;
}

/** A rule created elsewhere may have values that this page does not offer: they are kept until they are changed. */
function withChosen(
  t: SageTexts,
  options: readonly (readonly [string, string])[],
  chosen: string,
): (readonly [string, string])[] {
  if (options.some(([value]) => value === chosen)) return [...options];
  return [[chosen, t.sage.ruleForm.unknown(chosen)], ...options];
}

function problemAt({ t, state, problems }: Part, pointer: string): string | undefined {
  const isWrong = problems.some((problem) => problem.pointer === pointer);
  return isWrong ? ruleProblemText(t, state, pointer) : undefined;
}

function listProblem(part: Part, pointer: string): Html | undefined {
  const problem = problemAt(part, pointer);
  return problem === undefined ? undefined : html`<p class="error">${problem}</p>`;
}

/** Problems that belong to no field of the form. */
function wholeProblems({ t, state, problems }: Part): (Html | undefined)[] {
  const shown = /^\/(ruleName$|ruleConditions|ruleActions)/;
  const others = problems.filter(({ pointer }) => !shown.test(pointer));
  return others.map(({ pointer }) => alertBox(ruleProblemText(t, state, pointer)));
}
