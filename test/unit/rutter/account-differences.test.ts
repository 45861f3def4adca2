import { describe, expect, it } from 'vitest';
import { differenceEvents, differingFields } from '../../../src/domain/rutter/account-differences.js';

const own = { name: 'Trading', currency: 'GBP', numbers: ['55512094'] };
const shown = { name: 'Trading', currency: 'GBP', number: '55512094' };

describe('what Sage shows of an account', () => {
  it('is the same whatever blanks, separators and form of characters Rutter answers', () => {
    expect(differingFields(own, shown)).toEqual([]);
    expect(
      differingFields(
        { ...own, name: 'Crédit  commercial' },
        { name: ' Cre\u0301dit commercial ', currency: 'gbp', number: '5551 2094' },
      ),
    ).toEqual([]);
  });

  it('is not known to differ where Rutter or we have nothing', () => {
    expect(differingFields(own, { name: null, currency: null, number: null })).toEqual([]);
    expect(differingFields({ ...own, numbers: [] }, shown)).toEqual([]);
  });

  it('differs field by field', () => {
    expect(differingFields({ ...own, name: 'trading' }, shown)).toEqual(['name']);
    expect(differingFields({ ...own, numbers: ['99998888'] }, shown)).toEqual(['number']);
    expect(differingFields(own, { ...shown, currency: 'EUR' })).toEqual(['currency']);
    expect(differingFields({ name: 'B', currency: 'EUR', numbers: ['99998888'] }, shown)).toEqual([
      'name',
      'number',
      'currency',
    ]);
  });

  it('is the same when the IBAN that was added later is not the number that was published', () => {
    expect(differingFields({ ...own, numbers: ['55512094', 'GB29NWBK60161331926819'] }, shown)).toEqual([]);
  });
});

describe('the timeline', () => {
  const nothing = { differing: [], shown };
  it('names a difference once, also when our side changes again', () => {
    const first = { differing: ['name' as const], shown };
    expect(differenceEvents(nothing, first)).toEqual({ began: ['name'], ended: [] });
    expect(differenceEvents(first, first)).toEqual({ began: [], ended: [] });
    expect(differenceEvents(first, { differing: ['name', 'number'], shown })).toEqual({
      began: ['number'],
      ended: [],
    });
  });

  it('names it again when Sage shows a third value, and its end', () => {
    const first = { differing: ['name' as const], shown };
    const third = { differing: ['name' as const], shown: { ...shown, name: 'Other' } };
    expect(differenceEvents(first, third)).toEqual({ began: ['name'], ended: [] });
    expect(differenceEvents(first, nothing)).toEqual({ began: [], ended: ['name'] });
  });
});
