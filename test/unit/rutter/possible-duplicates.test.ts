import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  matchPossibleDuplicates,
  type ComparablePosting,
  type Original,
} from '../../../src/domain/rutter/possible-duplicates.js';

const posting = (transactionId: string, change: Partial<ComparablePosting> = {}): ComparablePosting => ({
  transactionId,
  bookingDay: '2026-03-01',
  amount: '-3.00',
  description: 'Coffee',
  payee: null,
  ...change,
});
const original = (transactionId: string, change: Partial<ComparablePosting> = {}): Original => ({
  ...posting(transactionId, change),
  accountId: 'old',
});
const match = (candidates: ComparablePosting[], originals: Original[]) =>
  [...matchPossibleDuplicates({ candidates, originals })].map(([id, { transactionId }]) => [
    id,
    transactionId,
  ]);

describe('a posting of an account that replaces another', () => {
  it('is a possible duplicate of a delivered one with its day, amount and text', () => {
    expect(match([posting('n1')], [original('o1')])).toEqual([['n1', 'o1']]);
  });

  it.each([
    ['trailing zeros', { amount: '-3' }],
    ['more trailing zeros', { amount: '-3.0000' }],
    ['blanks', { description: '  Coffee ' }],
    ['a missing payee', { payee: 'Café' }],
  ])('is one although they differ in %s', (_, change) => {
    expect(match([posting('n1', change)], [original('o1')])).toHaveLength(1);
    expect(match([posting('n1')], [original('o1', change)])).toHaveLength(1);
  });

  it('is one although runs of blanks, line ends and Unicode forms differ', () => {
    const written = original('o1', { description: 'Café  de\r\nla Paix', payee: 'Ångström' });
    const again = posting('n1', { description: 'Cafe\u0301 de la Paix', payee: 'A\u030angstro\u0308m' });
    expect(match([again], [written])).toHaveLength(1);
  });

  it.each([
    ['day', { bookingDay: '2026-03-02' }],
    ['amount', { amount: '-30.00' }],
    ['sign', { amount: '3.00' }],
    ['text', { description: 'Coffee 2' }],
    ['case', { description: 'COFFEE' }],
  ])('is none when they differ in %s', (_, change) => {
    expect(match([posting('n1', change)], [original('o1')])).toEqual([]);
  });

  it('is none when both name a payee and the payees differ', () => {
    expect(match([posting('n1', { payee: 'A' })], [original('o1', { payee: 'B' })])).toEqual([]);
  });

  it('matches each delivered one once: of three equal payments the third is new', () => {
    const three = ['n1', 'n2', 'n3'].map((id) => posting(id));
    expect(match(three, [original('o1'), original('o2')])).toEqual([
      ['n1', 'o1'],
      ['n2', 'o2'],
    ]);
  });

  it('prefers the delivered one with its own payee to one without', () => {
    const candidates = [posting('n1'), posting('n2', { payee: 'Café' })];
    const originals = [original('o1', { payee: 'Café' }), original('o2')];
    expect(match(candidates, originals).sort()).toEqual([
      ['n1', 'o2'],
      ['n2', 'o1'],
    ]);
  });

  it('never matches more than was delivered, each once, and all of an equal history', () => {
    const small = fc.record({
      bookingDay: fc.constantFrom('2026-03-01', '2026-03-02'),
      amount: fc.constantFrom('1', '1.0', '2'),
      description: fc.constantFrom('a', ' a', 'b'),
      payee: fc.constantFrom(null, 'x', 'y'),
    });
    fc.assert(
      fc.property(fc.array(small), fc.array(small), (news, olds) => {
        const candidates = news.map((each, index) => ({ ...each, transactionId: `n${index}` }));
        const originals = olds.map((each, index) => ({
          ...each,
          transactionId: `o${index}`,
          accountId: 'old',
        }));
        const found = matchPossibleDuplicates({ candidates, originals });
        const used = [...found.values()].map(({ transactionId }) => transactionId);
        expect(new Set(used).size).toBe(used.length);
        const same = matchPossibleDuplicates({
          candidates: originals.map((each) => ({ ...each, transactionId: `again-${each.transactionId}` })),
          originals,
        });
        expect(same.size).toBe(originals.length);
      }),
    );
  });
});
