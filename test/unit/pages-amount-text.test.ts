import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printAmount } from '../../src/pages/amount-text.js';

const british = { language: 'en-GB' };

describe('printAmount', () => {
  it.each([
    ['-1500', 'JPY', '−1,500 JPY'],
    [-1500, 'JPY', '−1,500 JPY'],
    ['1500.00', 'JPY', '1,500 JPY'],
    ['1500.5', 'JPY', '1,500.5 JPY'],
    ['12.5', 'GBP', '12.50 GBP'],
    ['12.345', 'GBP', '12.345 GBP'],
    ['12.340', 'GBP', '12.34 GBP'],
    ['1', 'KWD', '1.000 KWD'],
    ['1.5', 'CLF', '1.5000 CLF'],
    ['7', 'UYI', '7 UYI'],
    ['-0.01', 'EUR', '−0.01 EUR'],
    ['0', 'GBP', '0.00 GBP'],
    ['-0.00', 'GBP', '0.00 GBP'],
    [-0, 'JPY', '0 JPY'],
    ['7', 'jpy', '7 jpy'],
  ])('writes %s %s with the decimals of the currency, rounding nothing', (amount, currency, text) => {
    expect(printAmount(british, amount, currency)).toBe(text);
  });

  it.each([
    [1e-7, 'GBP', '0.0000001 GBP'],
    ['1e-7', 'GBP', '0.0000001 GBP'],
    [-1e-7, 'JPY', '−0.0000001 JPY'],
    [1e21, 'GBP', '1,000,000,000,000,000,000,000.00 GBP'],
    ['1E+3', 'GBP', '1,000.00 GBP'],
    ['1.25e1', 'GBP', '12.50 GBP'],
    ['12345678901234567890123.45', 'GBP', '12,345,678,901,234,567,890,123.45 GBP'],
    [`0.${'0'.repeat(150)}1`, 'GBP', `0.${'0'.repeat(150)}1 GBP`],
  ])('writes %s %s in full, without a power of ten', (amount, currency, text) => {
    expect(printAmount(british, amount, currency)).toBe(text);
  });

  it('writes two decimals at least when no currency is known', () => {
    expect(printAmount(british, '1250')).toBe('1,250.00');
    expect(printAmount(british, '-1250.125', null)).toBe('−1,250.125');
    expect(printAmount(british, '5', '')).toBe('5.00');
  });

  it('groups and points as the language does', () => {
    expect(printAmount({ language: 'de-DE' }, '-1234567.5', 'EUR')).toBe('−1.234.567,50 EUR');
    expect(printAmount({ language: 'fr-FR' }, '1234.5', 'EUR')).toBe('1\u202f234,50 EUR');
  });

  it.each(['', 'NaN', 'Infinity', '12,50', '--1', '1e99999'])(
    'shows %j, which is no number, as it is',
    (text) => {
      expect(printAmount(british, text, 'GBP')).toBe(`${text} GBP`);
    },
  );

  it('never changes the value: the digits that are shown read as the same decimal', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const shown = printAmount(british, value).replaceAll(',', '').replace('−', '-');
        expect(shown).not.toMatch(/e/i);
        expect(Number(shown) + 0).toBe(value + 0);
      }),
    );
  });
});
