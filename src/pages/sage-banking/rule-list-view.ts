import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import type { SageRuleResult } from '../../db/sage-banking/command-types.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import type { RuleDraft } from '../../domain/sage-banking/rules/rule.js';
import { labelOf } from './label-of.js';
import type { SageVisit } from './context.js';
import { orderFields } from './context.js';
import { linkButton } from './page.js';
import { sagePaths } from './paths.js';
import { versionFields, versionOf } from './rule-version.js';

/** The account's rules by rank, each with its actions. */
export function ruleListMain(
  visit: SageVisit,
  view: { account: SageAccountRow; rules: readonly SageRuleResult[]; justSaved: boolean },
): Html {
  const { t } = visit.pages;
  const texts = t.sage.rules;
  const { account, rules } = view;
  const { sageAccountId } = account;
  return html`<div class="card">
    <h1>${texts.heading(account.name)}</h1>
    ${
      view.justSaved &&
      html`<div class="good" role="status">
        <p>${texts.saved}</p>
        <p>${texts.reprocessHint}</p>
        ${reprocessForm(visit, sageAccountId)}
      </div>`
    }
    <p class="soft">${texts.lead}</p>
    ${rules.length === 0 && html`<p>${texts.none}</p>`}
    ${
      rules.length > 0 &&
      html`<ol class="plain ranked">
        ${rules.map((rule, index) => ruleLine(visit, { sageAccountId, rule, index, count: rules.length }))}
      </ol>`
    }
    <div class="actions">
      <a class="button" href="${sagePaths.newRule(sageAccountId)}">${texts.add}</a>
      ${linkButton(sagePaths.account(sageAccountId), t.sage.backToAccount)}
    </div>
  </div>`;
}

/** Runs the rules over all pending transactions of the account. */
export function reprocessForm(
  visit: SageVisit,
  sageAccountId: string,
  style: 'primary' | 'quiet slim' = 'quiet slim',
): Html {
  return html`<form method="post" action="${sagePaths.reprocess(sageAccountId)}">
    ${orderFields(visit)}
    <button type="submit" name="of" value="all" class="${style}">${visit.pages.t.sage.reprocess.all}</button>
  </form>`;
}

function ruleLine(
  visit: SageVisit,
  line: { sageAccountId: string; rule: SageRuleResult; index: number; count: number },
): Html {
  const { t } = visit.pages;
  const texts = t.sage.rules;
  const { sageAccountId, rule, index } = line;
  const { ruleId, ruleName } = rule;
  const move = (rank: number, label: string, spoken: string) =>
    html`<button type="submit" name="rank" value="${rank}" class="quiet slim" aria-label="${spoken}">
      ${label}
    </button>`;
  return html`<li>
    <h2 class="first"><bdi>${ruleName}</bdi></h2>
    <p>${conditionText(visit, rule)}</p>
    <p class="soft small">${actionText(rule)}</p>
    <div class="actions">
      <form method="post" action="${sagePaths.moveRule(sageAccountId, ruleId)}">
        ${orderFields(visit)} ${versionFields(versionOf(rule))}
        ${index > 0 && move(rule.ruleRank - 1, texts.up, texts.upLabel(ruleName))}
        ${index < line.count - 1 && move(rule.ruleRank + 1, texts.down, texts.downLabel(ruleName))}
      </form>
      <a
        class="button quiet slim"
        href="${sagePaths.rule(sageAccountId, ruleId)}"
        aria-label="${texts.editLabel(ruleName)}"
        >${texts.edit}</a
      >
      <a
        class="button quiet slim"
        href="${sagePaths.deleteRule(sageAccountId, ruleId)}"
        aria-label="${texts.removeLabel(ruleName)}"
        >${texts.remove}</a
      >
    </div>
  </li>`;
}

/** `Narrative contains “FEE” and Amount is below or before “-5”`. */
export function conditionText({ pages: { t } }: SageVisit, rule: RuleDraft): Html {
  const { fields, operations } = t.sage.ruleForm;
  return html`${rule.ruleConditions.map(
    ({ ruleField, ruleOperation, ruleCriteria }, index) =>
      html`${index > 0 && html` ${t.sage.rules.and} `}${labelOf(fields, ruleField)}
        ${labelOf(operations, ruleOperation)} <bdi>“${ruleCriteria}”</bdi>`,
  )}`;
}

/** `50 %: NOMINAL 7200, Energy · 100 %: NOMINAL 7500`. */
export function actionText(rule: RuleDraft): string {
  const parts = rule.ruleActions.map(({ splitPercentage, accountantNarrative, accountsPostings }) => {
    const postings = accountsPostings.map(({ type, code }) => `${type} ${code}`);
    return `${String(splitPercentage)} %: ${[...postings, ...(accountantNarrative ? [accountantNarrative] : [])].join(', ')}`;
  });
  return parts.join(' · ');
}
