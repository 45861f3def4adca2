import { ruleEtagOf } from '../../db/sage-banking/rule-etag.js';
import type { SageCommandInput, SageRuleResult } from '../../db/sage-banking/command-types.js';
import type { RuleDraft } from '../../domain/sage-banking/rules/rule.js';
import { validateRule } from '../../domain/sage-banking/rules/validate-rule.js';
import { readFields } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import type { SageVisit } from './context.js';

/** The version of a rule that a form is filled in from: its change is made only while Sage has this version. */
export interface RuleVersion {
  readonly etag: string;
  /** For showing what was changed meanwhile; null when it was too long for a form. */
  readonly basedOn: RuleDraft | null;
}

/** A form carries a rule of this many characters; of a longer one it is not shown what was changed. */
const basedOnCharactersMax = 16_000;
const etagPattern = /^"[0-9a-f]{1,64}"$/;
const etagField = 'etag';
const basedOnField = 'based_on';

export function versionOf(rule: SageRuleResult): RuleVersion {
  const { ruleName, ruleConditions, ruleActions } = rule;
  const basedOn = { ruleName, ruleConditions, ruleActions };
  const isShort = JSON.stringify(basedOn).length <= basedOnCharactersMax;
  return { etag: ruleEtagOf(rule), basedOn: isShort ? basedOn : null };
}

/** Hidden fields of a form that changes or deletes a rule. */
export function versionFields({ etag, basedOn }: RuleVersion): Html {
  return html`<input type="hidden" name="${etagField}" value="${etag}" />
    ${basedOn !== null && html`<input type="hidden" name="${basedOnField}" value="${JSON.stringify(basedOn)}" />`}`;
}

/** The version that was sent with a form; null for a form without one. */
export function readVersion({ request }: SageVisit): RuleVersion | null {
  const [etag = ''] = readFields(request, etagField);
  if (!etagPattern.test(etag)) return null;
  const [text = ''] = readFields(request, basedOnField);
  return { etag, basedOn: readRule(text) };
}

function readRule(text: string): RuleDraft | null {
  try {
    const validated = validateRule(JSON.parse(text));
    return 'rule' in validated ? validated.rule : null;
  } catch {
    return null;
  }
}

/** What a command of a signed-in customer is bound to. */
export function changeOfVersion(
  version: RuleVersion | null,
): Pick<SageCommandInput, 'by' | 'if_match' | 'based_on'> {
  if (version === null) return { by: 'customer' };
  const { etag, basedOn } = version;
  return { by: 'customer', if_match: [etag], ...(basedOn === null ? {} : { based_on: basedOn }) };
}
