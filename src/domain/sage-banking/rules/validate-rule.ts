import { limits } from '../../limits.js';
import { describeTextProblem, textProblem } from '../../text.js';
import { readCondition } from './read-condition.js';
import { ruleLimits } from './rule-assumptions.js';
import type { RuleCondition, RuleDraft, RuleProblem } from './rule.js';
import { splitProblems } from './split-shares.js';

/** Postings of one action, and further fields of a rule: our own bounds, since Sage documents none. */
const postingsMax = 20;
const additionalFieldsMax = 50;

/** Long enough to recognize an unknown member. */
const namedLengthMax = 100;

/** Members that Sage adds to a rule it answers with: they are left out, so that a rule can be sent back as it was read. */
const answeredMembers: ReadonlySet<string> = new Set([
  'ruleId',
  'status',
  'bankAccountId',
  'created',
  'modified',
]);

type Members = Record<string, unknown>;
/** Reads one member: adds to `problems` what is wrong with it. */
type Validator = (value: unknown, pointer: string, problems: RuleProblem[]) => void;

const validators: Readonly<
  Record<keyof RuleDraft, { readonly validate: Validator; readonly required: boolean }>
> = {
  ruleName: { validate: validateText(limits.nameLengthMax), required: true },
  ruleConditions: { validate: listOf(validateCondition, 1, ruleLimits.conditionsMax), required: true },
  ruleActions: { validate: validateActions, required: true },
  ruleAdditionalFields: {
    validate: listOf(validateTexts('name', 'value'), 0, additionalFieldsMax),
    required: false,
  },
  ruleRank: { validate: validateRank, required: false },
};
const members = Object.keys(validators) as (keyof RuleDraft)[];

export type ValidatedRule<Rule> = { readonly rule: Rule } | { readonly problems: readonly RuleProblem[] };

/** Validates a whole rule before anything is sent: lists all problems at once (contract 8, 9.2, 9.5). */
export function validateRule(value: unknown): ValidatedRule<RuleDraft> {
  return validate<RuleDraft>(value, { partial: false });
}

/** The same for a change: only members that are given, and at least one. A list that is given replaces the list. */
export function validateRuleChanges(value: unknown): ValidatedRule<Partial<RuleDraft>> {
  return validate<Partial<RuleDraft>>(value, { partial: true });
}

function validate<Rule>(value: unknown, { partial }: { partial: boolean }): ValidatedRule<Rule> {
  const problems: RuleProblem[] = [];
  if (!isMembers(value)) return { problems: [{ pointer: '', message: 'must be an object' }] };
  const rule: Members = {};
  for (const member of members) {
    const { validate, required } = validators[member];
    // Sage answers null for a member that was not set.
    const given = required ? value[member] : (value[member] ?? undefined);
    if (given !== undefined) {
      validate(given, `/${member}`, problems);
      rule[member] = given;
    } else if (required && !partial) {
      problems.push({ pointer: `/${member}`, message: 'is missing' });
    }
  }
  refuseUnknown(value, [...members, ...answeredMembers], '', problems);
  if (partial && problems.length === 0 && Object.keys(rule).length === 0) {
    problems.push({ pointer: '', message: `must name something to change: ${members.join(', ')}` });
  }
  // Each member was validated to be what the type says.
  return problems.length === 0 ? { rule: rule as Rule } : { problems };
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuseUnknown(
  value: Members,
  known: readonly string[],
  pointer: string,
  problems: RuleProblem[],
): void {
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    const place = Array.from(name)
      .slice(0, namedLengthMax)
      .join('')
      .replaceAll('~', '~0')
      .replaceAll('/', '~1');
    problems.push({ pointer: `${pointer}/${place}`, message: 'is no member that is known here' });
  }
}

function validateText(lengthMax: number): Validator {
  return (value, pointer, problems) => {
    const problem = textProblem(value, lengthMax);
    if (problem !== null) problems.push({ pointer, message: describeTextProblem(problem, lengthMax) });
  };
}

function listOf(validate: Validator, least: number, most: number): Validator {
  return (value, pointer, problems) => {
    if (!Array.isArray(value)) {
      problems.push({ pointer, message: 'must be a list' });
    } else if (value.length < least || value.length > most) {
      problems.push({ pointer, message: `must have ${least} to ${most} entries` });
    } else {
      for (const [index, item] of value.entries()) validate(item, `${pointer}/${index}`, problems);
    }
  };
}

/** An object of just these texts. */
function validateTexts(...names: readonly string[]): Validator {
  const validate = validateText(limits.textLengthMax);
  return (value, pointer, problems) => {
    if (!isMembers(value)) {
      problems.push({ pointer, message: 'must be an object' });
      return;
    }
    for (const name of names) {
      if (value[name] === undefined) problems.push({ pointer: `${pointer}/${name}`, message: 'is missing' });
      else validate(value[name], `${pointer}/${name}`, problems);
    }
    refuseUnknown(value, names, pointer, problems);
  };
}

const validateConditionTexts = validateTexts('ruleField', 'ruleOperation', 'ruleCriteria');

function validateCondition(value: unknown, pointer: string, problems: RuleProblem[]): void {
  const before = problems.length;
  validateConditionTexts(value, pointer, problems);
  if (problems.length > before) return;
  const read = readCondition(value as RuleCondition);
  if ('member' in read) problems.push({ pointer: `${pointer}/${read.member}`, message: read.message });
}

const validatePostings = listOf(validateTexts('type', 'code'), 1, postingsMax);
const actionMembers = ['splitPercentage', 'accountantNarrative', 'accountsPostings'];

function validateActions(value: unknown, pointer: string, problems: RuleProblem[]): void {
  const before = problems.length;
  listOf(validateAction, 1, ruleLimits.actionsMax)(value, pointer, problems);
  // The splits of a list are validated together, unless the value is no list or has the wrong length.
  if (!Array.isArray(value) || problems.slice(before).some((problem) => problem.pointer === pointer)) return;
  const splits = value.map((action: unknown) => (isMembers(action) ? action['splitPercentage'] : undefined));
  for (const { index, message } of splitProblems(splits)) {
    if (isMembers(value[index])) problems.push({ pointer: `${pointer}/${index}/splitPercentage`, message });
  }
}

function validateAction(value: unknown, pointer: string, problems: RuleProblem[]): void {
  if (!isMembers(value)) {
    problems.push({ pointer, message: 'must be an object' });
    return;
  }
  const { accountantNarrative: narrative, accountsPostings: postings } = value;
  if (narrative !== undefined && narrative !== null) {
    validateText(limits.textLengthMax)(narrative, `${pointer}/accountantNarrative`, problems);
  }
  validatePostings(postings, `${pointer}/accountsPostings`, problems);
  refuseUnknown(value, actionMembers, pointer, problems);
}

function validateRank(value: unknown, pointer: string, problems: RuleProblem[]): void {
  const fits = typeof value === 'number' && Number.isInteger(value) && value >= 1;
  if (!fits || value > ruleLimits.rulesMax) {
    problems.push({ pointer, message: `must be a whole number from 1 to ${ruleLimits.rulesMax}` });
  }
}
