import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/api/json-text.js';
import { InexactNumber, minorUnitOf, parseAmount, significantDigits } from '../../src/domain/money.js';

const seed = 20_260_201;

describe('parseAmount', () => {
  it.each([
    ['0', 'GBP', '0'],
    [0, 'GBP', '0'],
    ['-0', 'GBP', '0'],
    [-0, 'GBP', '0'],
    ['-0.00', 'GBP', '0'],
    ['0.10', 'GBP', '0.1'],
    [0.1, 'GBP', '0.1'],
    [-12.5, 'GBP', '-12.5'],
    ['-12.50', 'GBP', '-12.5'],
    ['100', 'GBP', '100'],
    ['1.00', 'JPY', '1'],
    ['1.500000', 'GBP', '1.5'],
    ['1.234', 'BHD', '1.234'],
    ['1.2345', 'CLF', '1.2345'],
    ['9999999999999.99', 'GBP', '9999999999999.99'],
    [999_999_999_999_999, 'GBP', '999999999999999'],
    ['999999999999999', 'GBP', '999999999999999'],
    ['100000000000000000', 'GBP', '100000000000000000'],
  ])('takes %j %s exactly, as %s', (input, currency, amount) => {
    expect(parseAmount(input, currency)).toEqual({ amount });
  });

  it.each([
    ['an exponent without digits', '1e'],
    ['a fraction as exponent', '1e1.5'],
    ['more than 400 characters', `1.${'0'.repeat(400)}`],
    ['not a number', NaN],
    ['not a number, as text', 'NaN'],
    ['infinity', Infinity],
    ['minus infinity', -Infinity],
    ['infinity, as text', 'Infinity'],
    ['a decimal comma', '12,50'],
    ['thousands marks', '1,000.00'],
    ['a leading zero', '01'],
    ['leading zeros', '00.10'],
    ['a leading zero behind the sign', '-01'],
    ['a plus sign', '+1'],
    ['white space before', ' 1'],
    ['white space behind', '1 '],
    ['a line end', '1\n'],
    ['no digit behind the point', '1.'],
    ['no digit before the point', '.5'],
    ['two signs', '--1'],
    ['a sign alone', '-'],
    ['hexadecimal digits', '0x10'],
    ['digits of another script', '\u0661\u0662'],
    ['nothing', ''],
    ['null', null],
    ['a bigint', 1n],
    ['true', true],
    ['a list of one amount', ['1']],
  ])('refuses %s: it is no decimal', (_, input) => {
    expect(parseAmount(input, 'GBP')).toEqual({ problem: 'not_a_decimal' });
  });

  it.each([
    ['1.234', 'GBP'],
    [1.234, 'GBP'],
    ['0.001', 'EUR'],
    [1e-7, 'EUR'],
    ['1e-400', 'EUR'],
    ['1e-99999999999999999999', 'EUR'],
    ['1.5', 'JPY'],
    ['-1.01', 'JPY'],
    ['1.2345', 'BHD'],
    ['1.23456', 'CLF'],
  ])('refuses %s %s rather than round it to the decimals of the currency', (input, currency) => {
    expect(parseAmount(input, currency)).toEqual({ problem: 'too_many_decimals' });
  });

  it.each([
    ['1234567890123456', 'GBP'],
    ['12345678901234.56', 'GBP'],
    ['1234567890123.456', 'BHD'],
    ['1000000000000000.1', 'GBP'],
    [new InexactNumber('100000000000000001'), 'GBP'],
    [0.1 + 0.2, 'GBP'],
  ])('refuses %s %s: no JSON number carries it exactly', (input, currency) => {
    expect(parseAmount(input, currency)).toEqual({ problem: 'too_many_digits' });
  });

  it.each(['1e18', 1e21, '1000000000000000000', '1e300', '1E+400', new InexactNumber('1e400')])(
    'refuses %s, which has more than 18 digits before the point',
    (input) => expect(parseAmount(input, 'GBP')).toEqual({ problem: 'too_large' }),
  );

  it.each([
    ['1', ['1.0000000', '1e0', '10e-1', '0.01E2', '1.00e+00', '0.1e1']],
    ['1000000000000000', ['1000000000000000', '1e15', '1.0E+15', '1000000000000000.00']],
    ['-1000', ['-1e3', '-1E+3', '-1000.000000', '-1000']],
    ['0', ['0', '-0', '0e-400', '0.0000000', '0E+999', `0.${'0'.repeat(390)}`]],
    ['12.5', ['12.50', '1250e-2', '0.125e2']],
    ['not_a_decimal', [`1.${'0'.repeat(400)}`]],
    ['too_many_digits', ['1234567890123456', '1.000000000000001', '12345678901234567e-3']],
    ['too_many_decimals', ['1e-400', '0.001', '1e-3', '5e-324', `0.${'0'.repeat(350)}1`]],
    ['too_large', ['1e18', '1e400', '1000000000000000000', '-1e18']],
  ])('decides by value alone: %s, as text or as a JSON number', (expected, spellings) => {
    for (const spelling of spellings) {
      const json = parseJson(spelling);
      if (!('value' in json)) throw new Error(spelling);
      for (const input of [spelling, json.value]) {
        const result = parseAmount(input, 'GBP');
        expect([spelling, 'amount' in result ? result.amount : result.problem]).toEqual([spelling, expected]);
      }
    }
  });

  it('decides alike on a JSON number and on the same text, whatever the number', () => {
    const digits = fc.string({ unit: fc.constantFrom('0', '1', '2', '5', '9'), minLength: 1, maxLength: 20 });
    const exponent = fc.option(
      fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-'), fc.integer({ min: 0, max: 400 })),
    );
    const spelling = fc.tuple(fc.constantFrom('', '-'), digits, fc.option(digits), exponent).map((parts) => {
      const [sign, whole, fraction, power] = parts;
      const point = fraction === null ? '' : `.${fraction}`;
      return `${sign}${whole.replace(/^0+(?=\d)/, '')}${point}${power === null ? '' : power.join('')}`;
    });
    fc.assert(
      fc.property(spelling, fc.constantFrom('GBP', 'JPY', 'KWD'), (text, currency) => {
        const json = parseJson(`{"amount":${text}}`);
        if (!('value' in json)) throw new Error(text);
        const { amount } = json.value as { amount: unknown };
        expect(parseAmount(amount, currency)).toEqual(parseAmount(text, currency));
      }),
      { seed, numRuns: 5_000 },
    );
  });

  it('accepts no text that a JSON number would change, and keeps its value to the last digit', () => {
    const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 18 });
    const texts = fc.oneof(
      fc
        .tuple(
          fc.constantFrom('', '-'),
          digits,
          fc.option(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 7 })),
        )
        .map(([sign, whole, fraction]) => {
          const text = whole.join('').replace(/^0+(?=\d)/, '');
          return fraction === null ? `${sign}${text}` : `${sign}${text}.${fraction.join('')}`;
        }),
      fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => value.toFixed(6)),
    );
    let accepted = 0;
    fc.assert(
      fc.property(texts, fc.constantFrom('GBP', 'JPY', 'KWD', 'CLF'), (text, currency) => {
        const result = parseAmount(text, currency);
        if ('problem' in result) return;
        accepted += 1;
        expect(String(Number(result.amount))).toBe(result.amount);
        expect(scaled(result.amount)).toBe(scaled(text));
      }),
      { seed, numRuns: 5_000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });

  it('reads a JSON number as the decimal that was written, not as its double', () => {
    const written = fc
      .tuple(
        fc.constantFrom('', '-'),
        fc.integer({ min: 0, max: 10 ** 13 - 1 }),
        fc.integer({ min: 0, max: 99 }),
      )
      .map(([sign, whole, cents]) => `${sign}${String(whole)}.${String(cents).padStart(2, '0')}`);
    fc.assert(
      fc.property(written, (text) => {
        expect(parseAmount(JSON.parse(text), 'GBP')).toEqual(parseAmount(text, 'GBP'));
      }),
      { seed, numRuns: 2_000 },
    );
  });
});

describe('minorUnitOf', () => {
  it('knows the currencies without and with three decimals', () => {
    expect(['JPY', 'ISK', 'GBP', 'EUR', 'KWD', 'TND'].map(minorUnitOf)).toEqual([0, 0, 2, 2, 3, 3]);
  });
});

describe('significantDigits', () => {
  it.each([
    ['0', 0],
    ['-0.00', 0],
    ['0.05', 1],
    ['-100', 1],
    ['10.10', 3],
    ['1200.034', 7],
  ])('of %s are %i', (decimal, count) => {
    expect(significantDigits(decimal)).toBe(count);
  });
});

/** The value in millionths, exactly. */
function scaled(decimal: string): bigint {
  const [whole = '', fraction = ''] = decimal.replace('-', '').split('.');
  const value = BigInt(whole + fraction.padEnd(6, '0'));
  return decimal.startsWith('-') ? -value : value;
}
