import { describe, expect, test } from 'vitest';
import { isNestedDeeper, limitNesting } from '../../../src/domain/nesting.js';
import { readCorrection } from '../../../src/domain/sage-banking/correction.js';
import {
  readPredictions,
  readSageTransaction,
  sageTransactionLimits,
} from '../../../src/domain/sage-banking/transaction.js';
import { jsonText } from '../../../sandbox/stand-in/json-text.js';

/** A list in a list, `levels` of them. */
function nested(levels: number): unknown {
  return JSON.parse('['.repeat(levels) + ']'.repeat(levels));
}

const plain = {
  transactionId: 7,
  transactionAmount: -1,
  transactionNarrative: 'CARD',
  datePosted: '2024-03-05',
};

describe('nesting', () => {
  test('is measured from the value itself on, through lists and objects', () => {
    expect(isNestedDeeper('text', 0)).toBe(false);
    expect(isNestedDeeper(nested(3), 3)).toBe(false);
    expect(isNestedDeeper(nested(4), 3)).toBe(true);
    expect(isNestedDeeper({ a: [{ b: 1 }] }, 3)).toBe(false);
    expect(isNestedDeeper({ a: [{ b: {} }] }, 3)).toBe(true);
  });

  test('beyond a limit becomes null, whatever the members are called; the rest stays', () => {
    expect(limitNesting(nested(3), 3)).toEqual([[[]]]);
    expect(limitNesting(nested(4), 3)).toEqual([[[null]]]);
    expect(limitNesting({ a: { b: { c: 1 }, d: 2 } }, 2)).toEqual({ a: { b: null, d: 2 } });
    const hostile = limitNesting(JSON.parse('{"__proto__":{"__proto__":{"polluted":1}}}'), 2);
    expect(JSON.stringify(hostile)).toBe('{"__proto__":{"__proto__":null}}');
    expect(Object.getPrototypeOf(hostile)).toBe(Object.prototype);
  });

  test('of a million levels is cut to what JSON can be written of', () => {
    const cut = limitNesting(nested(1_000_000));
    expect(JSON.stringify(cut)).toHaveLength(2 * 500 + 'null'.length);
  });
});

describe('a transaction', () => {
  test('as documented is kept as it is', () => {
    expect(readSageTransaction(plain)).toEqual({ body: plain, unrecognized: [], correction: null });
  });

  test('keeps members up to the limit of levels; a deeper one is left out and named', () => {
    const { nestingMax } = sageTransactionLimits;
    const fits = { ...plain, extra: nested(nestingMax) };
    expect(readSageTransaction(fits)).toMatchObject({ body: fits, unrecognized: [] });
    const deep = { ...plain, extra: nested(nestingMax + 1), payee: nested(10_000) };
    expect(readSageTransaction(deep)).toMatchObject({ body: plain, unrecognized: ['extra', 'payee'] });
  });

  test('keeps an object up to the limit of characters; beyond it the largest members are left out and named', () => {
    const { charactersMax } = sageTransactionLimits;
    const room = charactersMax - JSON.stringify({ ...plain, extra: '' }).length;
    const fits = { ...plain, extra: 'x'.repeat(room) };
    expect(readSageTransaction(fits)).toMatchObject({ body: fits, unrecognized: [] });
    const large = { ...plain, extra: 'x'.repeat(room + 1), note: 'kept' };
    expect(readSageTransaction(large)).toMatchObject({
      body: { ...plain, note: 'kept' },
      unrecognized: ['extra'],
    });
    const narrative = { ...plain, transactionNarrative: 'x'.repeat(10 * 1024 * 1024) };
    expect(readSageTransaction(narrative)).toMatchObject({ unrecognized: ['transactionNarrative'] });
    expect(readSageTransaction(narrative).body).not.toHaveProperty('transactionNarrative');
  });

  test('names a limited number of members, by limited names', () => {
    const members = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`${'n'.repeat(200)}${String(index)}`, nested(60)]),
    );
    const { unrecognized } = readSageTransaction({ ...plain, ...members });
    expect(unrecognized).toHaveLength(sageTransactionLimits.namesMax);
    expect(unrecognized.every((name) => name.length <= sageTransactionLimits.nameCharactersMax)).toBe(true);
  });

  test('keeps a member called __proto__ as a member', () => {
    const hostile = JSON.parse('{"transactionId":1,"transactionAmount":1,"__proto__":{"a":1}}') as Record<
      string,
      unknown
    >;
    const { body } = readSageTransaction({ ...hostile, deep: nested(60) });
    expect(JSON.stringify(body)).toBe('{"transactionId":1,"transactionAmount":1,"__proto__":{"a":1}}');
  });

  test('has no suggestions that are too deep or too large to be kept', () => {
    expect(readPredictions([{ actions: nested(sageTransactionLimits.nestingMax) }])).toBeNull();
    expect(readPredictions([{ text: 'x'.repeat(sageTransactionLimits.charactersMax) }])).toBeNull();
    expect(readPredictions([{ actions: {} }])).toEqual([{ actions: {} }]);
  });
});

describe('a correction', () => {
  test.each([
    ['REPLACE', { action: 'replace', corrects: 'u-1' }],
    ['Delete', { action: 'delete', corrects: 'u-1' }],
  ])('%s is read', (correctionAction, correction) => {
    expect(readCorrection({ correctionId: 'u-1', correctionAction })).toEqual({ correction });
    expect(readSageTransaction({ ...plain, correctionId: 'u-1', correctionAction }).correction).toEqual(
      correction,
    );
  });

  test('is absent when both members are missing, null or empty', () => {
    for (const empty of [
      {},
      { correctionId: null, correctionAction: null },
      { correctionId: '', correctionAction: '' },
    ]) {
      expect(readCorrection(empty)).toEqual({ correction: null });
    }
  });

  test('that cannot be read corrects nothing, and its members are named', () => {
    expect(readCorrection({ correctionId: 'u-1', correctionAction: 'AMEND' })).toEqual({
      unrecognized: ['correctionAction'],
    });
    expect(readCorrection({ correctionId: 'u-1' })).toEqual({ unrecognized: ['correctionAction'] });
    expect(readCorrection({ correctionAction: 'DELETE' })).toEqual({ unrecognized: ['correctionId'] });
    expect(readCorrection({ correctionId: ['u-1'], correctionAction: 7 })).toEqual({
      unrecognized: ['correctionId', 'correctionAction'],
    });
    expect(readSageTransaction({ ...plain, correctionAction: 'DELETE' })).toMatchObject({
      correction: null,
      unrecognized: ['correctionId'],
    });
  });
});

test('the sandbox writes JSON of any depth, the same as JSON.stringify where that can', () => {
  const value = { a: [1, undefined, { b: undefined, c: null }], d: 'x"y' };
  const deep = nested(20_000);
  expect(jsonText({ value, deep })).toBe(
    `{"value":${JSON.stringify(value)},"deep":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
  );
});
