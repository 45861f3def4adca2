import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAccountNumber, sameAccountNumber, shownEndOf } from '../../src/domain/account-number.js';

describe('an account number', () => {
  it.each([
    ['55512094', { masked: false, last4: '2094' }],
    ['DE89 3704 0044 0532 0130 99', { masked: false, last4: '3099' }],
    ['12-34.5/6', { masked: false, last4: '3456' }],
    // Of four characters only half are shown.
    ['1234', { masked: false, last4: '34' }],
    ['AXX123', { masked: false, last4: 'X123' }],
    ['XXBANK12', { masked: false, last4: 'NK12' }],
    ['1X2345', { masked: false, last4: '2345' }],
  ])('%s is a whole one', (text, expected) => {
    expect(readAccountNumber(text)).toEqual(expected);
  });

  it.each([
    ['****1234', '1234'],
    ['•••• 1234', '1234'],
    ['●●●● 1234', '1234'],
    ['····1234', '1234'],
    ['…1234', '1234'],
    ['####-1234', '1234'],
    ['xx1234', '1234'],
    ['XXXX-XXXX-XXXX-1234', '1234'],
    ['4111 XXXX XXXX 1111', '1111'],
    ['GB29 **** **** **** **** 19', '19'],
    ['*7', '7'],
    ['****123456', '3456'],
    ['••••\u00a01234', '1234'],
  ])('%s is masked, and shows what it shows', (text, last4) => {
    expect(readAccountNumber(text)).toEqual({ masked: true, last4 });
  });

  it.each([
    ['123', 'too_short'],
    ['1-2-3', 'too_short'],
    ['1234\u0000', 'forbidden_character'],
    ['12,34', 'forbidden_character'],
    ['١٢٣٤', 'forbidden_character'],
    ['', 'forbidden_character'],
    ['****', 'nothing_visible'],
    ['1234****', 'nothing_visible'],
    ['1234 xxxx', 'nothing_visible'],
  ])('%j is none', (text, problem) => {
    expect(readAccountNumber(text)).toEqual({ problem });
  });

  it.each([
    ['5551 2094', '55512094', true],
    ['gb29nwbk60161331926819', 'GB29 NWBK 6016 1331 9268 19', true],
    // The end of an IBAN is the account number of its country.
    ['GB29 NWBK 6016 1331 9268 19', '31926819', true],
    ['55512094', '55512095', false],
    ['55512094', '2094', false],
    ['****2094', '55512094', true],
    ['****2095', '55512094', false],
    ['55512094', 'XXXX-2094', true],
    ['•••• 94', '****2094', true],
    ['****2094', '****3094', false],
  ])('%s and %s: the same is %s', (one, other, same) => {
    expect(sameAccountNumber(one, other)).toBe(same);
    expect(sameAccountNumber(other, one)).toBe(same);
  });

  it('shows no more of one that a provider answered than of our own', () => {
    expect(['55512094', '****2094', '1234', '****'].map(shownEndOf)).toEqual(['2094', '2094', '34', '']);
  });

  it('that is masked at its beginning, in whatever form, shows its end and is the same as the whole one', () => {
    const digits = (minLength: number) => fc.stringMatching(new RegExp(`^[0-9]{${String(minLength)},12}$`));
    const hidden = fc.constantFrom('*', '**', '****', '••••', '●●', 'xx', 'XXXX', '…', '####', '·· ··');
    fc.assert(
      fc.property(digits(4), digits(1), hidden, fc.constantFrom('', ' ', '-'), (head, end, mask, gap) => {
        const masked = `${mask}${gap}${end}`;
        expect(readAccountNumber(masked)).toEqual({ masked: true, last4: end.slice(-4) });
        expect(readAccountNumber(head + end)).toMatchObject({ masked: false });
        expect(sameAccountNumber(masked, head + end)).toBe(true);
        expect(sameAccountNumber(head + end, masked)).toBe(true);
      }),
    );
  });
});
