import { limits } from '../../limits.js';
import { describeTextProblem, textProblem } from '../../text.js';
import { readCondition } from './read-condition.js';
import { ruleLimits } from './rule-assumptions.js';
import type { RuleCondition, RuleDraft, RuleProblem } from './rule.js';
import { splitProblems } from './split-shares.js';

/** Postings of one action, and further fields of a rule: our own bounds, since Sage names none. */
const postingsMax = 20;
const additionalFieldsMax = 50;

/** Long enough to recognise an unknown member. */
const namedLengthMax = 100;

/** Members that Sage adds to a rule it answers with: a rule may come back as it was read, they are left out. */
const answeredMembers: ReadonlySet<string> = new Set([
  'ruleId',
  'status',
  'bankAccountId',
  'created',
  'modified',
]);

type Members = Record<string, unknown>;
/** Reads one member: adds to `problems` what is wrong with it. */
type Judge = (value: unknown, pointer: string, problems: RuleProblem[]) => void;

const judges: Readonly<Record<keyof RuleDraft, { readonly judge: Judge; readonly required: boolean }>> = {
  ruleName: { judge: judgeText(limits.nameLengthMax), required: true },
  ruleConditions: { judge: listOf(judgeCondition, 1, ruleLimits.conditionsMax), required: true },
  ruleActions: { judge: judgeActions, required: true },
  ruleAdditionalFields: {
    judge: listOf(judgeTexts('name', 'value'), 0, additionalFieldsMax),
    required: false,
  },
  ruleRank: { judge: judgeRank, required: false },
};
const members = Object.keys(judges) as (keyof RuleDraft)[];

export type ValidatedRule<Rule> = { readonly rule: Rule } | { readonly problems: readonly RuleProblem[] };

/** Judges a whole rule before anything is sent: all that is wrong with it at once (contract 8, 9.2, 9.5). */
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
    const { judge, required } = judges[member];
    // Null is how Sage answers a member that nobody set.
    const given = required ? value[member] : (value[member] ?? undefined);
    if (given !== undefined) {
      judge(given, `/${member}`, problems);
      rule[member] = given;
    } else if (required && !partial) {
      problems.push({ pointer: `/${member}`, message: 'is missing' });
    }
  }
  refuseUnknown(value, [...members, ...answeredMembers], '', problems);
  if (partial && problems.length === 0 && Object.keys(rule).length === 0) {
    problems.push({ pointer: '', message: `must name something to change: ${members.join(', ')}` });
  }
  // Each member was judged to be what the type says.
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

function judgeText(lengthMax: number): Judge {
  return (value, pointer, problems) => {
    const problem = textProblem(value, lengthMax);
    if (problem !== null) problems.push({ pointer, message: describeTextProblem(problem, lengthMax) });
  };
}

function listOf(judge: Judge, least: number, most: number): Judge {
  return (value, pointer, problems) => {
    if (!Array.isArray(value)) {
      problems.push({ pointer, message: 'must be a list' });
    } else if (value.length < least || value.length > most) {
      problems.push({ pointer, message: `must have ${least} to ${most} entries` });
    } else {
      for (const [index, item] of value.entries()) judge(item, `${pointer}/${index}`, problems);
    }
  };
}

/** An object of just these texts. */
function judgeTexts(...names: readonly string[]): Judge {
  const judge = judgeText(limits.textLengthMax);
  return (value, pointer, problems) => {
    if (!isMembers(value)) {
      problems.push({ pointer, message: 'must be an object' });
      return;
    }
    for (const name of names) {
      if (value[name] === undefined) problems.push({ pointer: `${pointer}/${name}`, message: 'is missing' });
      else judge(value[name], `${pointer}/${name}`, problems);
    }
    refuseUnknown(value, names, pointer, problems);
  };
}

const judgeConditionTexts = judgeTexts('ruleField', 'ruleOperation', 'ruleCriteria');

function judgeCondition(value: unknown, pointer: string, problems: RuleProblem[]): void {
  const before = problems.length;
  judgeConditionTexts(value, pointer, problems);
  if (problems.length > before) return;
  const read = readCondition(value as RuleCondition);
  if ('member' in read) problems.push({ pointer: `${pointer}/${read.member}`, message: read.message });
}

const judgePostings = listOf(judgeTexts('type', 'code'), 1, postingsMax);
const actionMembers = ['splitPercentage', 'accountantNarrative', 'accountsPostings'];

function judgeActions(value: unknown, pointer: string, problems: RuleProblem[]): void {
  const before = problems.length;
  listOf(judgeAction, 1, ruleLimits.actionsMax)(value, pointer, problems);
  // A list that is none, or of the wrong length, says nothing of its splits; else they are judged together.
  if (!Array.isArray(value) || problems.slice(before).some((problem) => problem.pointer === pointer)) return;
  const splits = value.map((action: unknown) => (isMembers(action) ? action['splitPercentage'] : undefined));
  for (const { index, message } of splitProblems(splits)) {
    if (isMembers(value[index])) problems.push({ pointer: `${pointer}/${index}/splitPercentage`, message });
  }
}

function judgeAction(value: unknown, pointer: string, problems: RuleProblem[]): void {
  if (!isMembers(value)) {
    problems.push({ pointer, message: 'must be an object' });
    return;
  }
  const { accountantNarrative: narrative, accountsPostings: postings } = value;
  if (narrative !== undefined && narrative !== null) {
    judgeText(limits.textLengthMax)(narrative, `${pointer}/accountantNarrative`, problems);
  }
  judgePostings(postings, `${pointer}/accountsPostings`, problems);
  refuseUnknown(value, actionMembers, pointer, problems);
}

function judgeRank(value: unknown, pointer: string, problems: RuleProblem[]): void {
  const fits = typeof value === 'number' && Number.isInteger(value) && value >= 1;
  if (!fits || value > ruleLimits.rulesMax) {
    problems.push({ pointer, message: `must be a whole number from 1 to ${ruleLimits.rulesMax}` });
  }
}
