import { expect, test } from 'vitest';
import { ruleEtagOf } from '../../../src/db/sage-banking/rule-etag.js';
import { changedRuleParts, ruleContentText } from '../../../src/domain/sage-banking/rules/rule-content.js';
import { readIfMatch } from '../../../src/api/if-match.js';

const rule = {
  ruleName: 'Fees',
  ruleConditions: [{ ruleField: 'checkNum', ruleOperation: 'eq', ruleCriteria: '1' }],
  ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'N', code: '1' }] }],
};

test('the content of a rule is the same in any order of its members and at any time of its change', () => {
  const other = { ...rule, modified: 'yesterday', created: 'before' };
  const reversed = Object.fromEntries(Object.entries(other).reverse());
  expect(ruleContentText(reversed)).toBe(ruleContentText(rule));
  expect(ruleEtagOf(reversed)).toBe(ruleEtagOf(rule));
  expect(ruleEtagOf({ ...rule, unknown: 1 })).not.toBe(ruleEtagOf(rule));
  expect(ruleEtagOf({ ...rule, ruleRank: 2 })).not.toBe(ruleEtagOf({ ...rule, ruleRank: 1 }));
  expect(ruleEtagOf({ ...rule, ruleName: 'a\0' })).toBe(ruleEtagOf({ ...rule, ruleName: 'a\ufffd' }));
});

test('the parts in which two versions differ are named', () => {
  expect(changedRuleParts(rule, rule)).toEqual([]);
  const [condition] = rule.ruleConditions;
  expect(
    changedRuleParts(rule, {
      ruleName: 'Fee',
      ruleConditions: [{ ...condition!, ruleCriteria: '2' }],
      ruleActions: [{ ...rule.ruleActions[0]!, accountantNarrative: 'x' }],
    }),
  ).toEqual(['name', 'conditions', 'actions']);
  const asAnswered = { ...rule, ruleActions: [{ ...rule.ruleActions[0]!, accountantNarrative: null }] };
  expect(changedRuleParts(rule, asAnswered)).toEqual([]);
});

test('an If-Match header is read as a list of entity tags', () => {
  expect(readIfMatch(undefined)).toBeNull();
  expect(readIfMatch(' * ')).toBeNull();
  expect(readIfMatch('"a"')).toEqual(['"a"']);
  expect(readIfMatch('"a" , W/"b","c,d"')).toEqual(['"a"', '"c,d"']);
  for (const malformed of ['', 'a', '"a', '"a" "b"', '"a",', '*, "a"']) {
    expect(() => readIfMatch(malformed), malformed).toThrow();
  }
});
