import type {
  SageCommandRow,
  SageRuleConflict,
  SageRuleResult,
} from '../../db/sage-banking/command-types.js';
import { changedRuleParts, type RulePart } from '../../domain/sage-banking/rules/rule-content.js';
import type { RuleDraft } from '../../domain/sage-banking/rules/rule.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { printMoment } from '../time-text.js';
import type { SageVisit } from './context.js';
import { actionText, conditionText } from './rule-list-view.js';

/** The conflict that ended a change of a rule; null when it ended otherwise. */
export function conflictOf({ problem }: SageCommandRow): SageRuleConflict | null {
  if (problem?.code !== 'precondition_failed') return null;
  // Written by our own activity, which gives this code this detail.
  return (problem.detail as SageRuleConflict | undefined) ?? null;
}

/** Who changed the rule meanwhile, when, and what of it. */
export function ruleConflictView(
  visit: SageVisit,
  {
    conflict,
    basedOn,
    timeZone,
  }: { conflict: SageRuleConflict; basedOn: RuleDraft | undefined; timeZone: string | null },
): Html {
  const { t } = visit.pages;
  const texts = t.sage.ruleConflict;
  const { changed, rule } = conflict;
  const by = changed === null ? texts.elsewhere : texts.by[changed.by ?? 'unknown'];
  const parts = basedOn === undefined ? null : changedRuleParts(basedOn, rule);
  return html`<div class="note" role="alert">
    <p>${by(changed === null ? '' : printMoment(t, changed.at, timeZone))}</p>
    ${parts === null && html`<p>${texts.nowIs}</p>`} ${parts?.length === 0 && html`<p>${texts.orderOnly}</p>`}
    ${
      parts !== null &&
      basedOn !== undefined &&
      html`<ul>
        ${parts.map((part) => html`<li>${texts.parts[part]}: ${partText(visit, basedOn, part)} → ${partText(visit, rule, part)}</li>`)}
      </ul>`
    }
    ${parts === null && html`<p>${conditionText(visit, rule)}<br />${actionText(rule)}</p>`}
  </div>`;
}

function partText(visit: SageVisit, rule: RuleDraft | SageRuleResult, part: RulePart): Html {
  switch (part) {
    case 'name':
      return html`<bdi>“${rule.ruleName}”</bdi>`;
    case 'conditions':
      return conditionText(visit, rule);
    case 'actions':
      return html`<bdi>${actionText(rule)}</bdi>`;
  }
}
