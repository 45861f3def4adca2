import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/api/json-text.js';
import { InexactNumber } from '../../src/domain/money.js';

describe('a JSON text of a caller', () => {
  it('is parsed as JSON.parse does', () => {
    const values = [
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    ];
    const anything = fc.object({
      key: fc.string(),
      values: [...values, fc.array(fc.object({ values }))],
      maxDepth: 4,
    });
    fc.assert(
      fc.property(anything, fc.nat(3), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseJson(text)).toEqual({ value: JSON.parse(text) as unknown });
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['{"a":1,"a":2}', 'line 1, column 8'],
    ['{"a":1,\n "b":{"c":[{"d":1}, {"d":1,"\\u0064":2}]}}', 'line 2, column 28'],
    ['{"a\\"":1,"a\\"":2}', 'line 1, column 10'],
    ['{"__proto__":1,"__proto__":2}', 'line 1, column 16'],
  ])('is refused when a name occurs twice in one object, with its location: %s', (text, location) => {
    expect(parseJson(text)).toMatchObject({
      problem: 'name_twice',
      detail: expect.stringContaining(location) as string,
    });
  });

  it('may use a name in several objects, and quotes or colons inside texts', () => {
    const text = '[{"a":"\\"a\\":1, \\\\"},{"a":":{\\\\\\""},{"b" : "a:\\"a\\":"}]';
    expect(parseJson(text)).toEqual({ value: JSON.parse(text) as unknown });
  });

  it.each([
    '1.0000000000000000001',
    '100000000000000001',
    '0.30000000000000004',
    '-9007199254740993.0',
    '12345678901234567e-3',
    '1e-400',
    '5e-324',
    '-1e400',
    `1.${'0'.repeat(400)}`,
  ])('never rounds a number that a double does not carry, and keeps its text: %s', (number) => {
    const kept = new InexactNumber(number);
    expect(parseJson(`{"amount":${number},"next":1.5}`)).toEqual({ value: { amount: kept, next: 1.5 } });
    expect(parseJson(`[${number}]`)).toEqual({ value: [kept] });
    expect(parseJson(number)).toEqual({ value: kept });
    expect(JSON.stringify(kept)).toBe(JSON.stringify(number));
  });

  it('reads a long number under the name __proto__ as a field, and no text as a number', () => {
    const result = parseJson('{"__proto__":100000000000000001,"a":"\uE000:0"}') as { value: object };
    expect(Object.entries(result.value)).toEqual([
      ['__proto__', new InexactNumber('100000000000000001')],
      ['a', '\uE000:0'],
    ]);
  });

  it('is refused with more than 100,000 numbers that a double does not carry, which bounds the memory', () => {
    const list = (length: number) => `[${Array.from({ length }, () => '1e400').join(',')}]`;
    expect(parseJson(list(100_001))).toMatchObject({ problem: 'inexact_numbers' });
    expect(parseJson(list(100_000))).toMatchObject({ value: { length: 100_000 } });
  });

  it('reads a number of a million digits in time that grows with its length only', () => {
    const long = `1${'0'.repeat(1_000_000)}1`;
    expect(parseJson(`[${long}]`)).toEqual({ value: [new InexactNumber(long)] });
  });

  it('keeps a long number whose digits are zeros, and long numbers inside texts', () => {
    expect(parseJson('{"a":12.500000000000000000,"b":"1.0000000000000000001"}')).toEqual({
      value: { a: 12.5, b: '1.0000000000000000001' },
    });
  });

  it.each([
    ['', 'line 1, column 1'],
    ['{"a":1,}', 'line 1, column 8'],
    ['{"a":1}\n{"b":2}', 'line 2, column 1'],
    ['{"a":\n', 'line 2, column 1'],
    ["{'a':1}", 'line 1, column 2'],
  ])('is refused with the location of a syntax error: %j', (text, location) => {
    expect(parseJson(text)).toMatchObject({
      problem: 'malformed',
      detail: expect.stringContaining(location) as string,
    });
  });

  it('is refused when it is nested a million levels deep', () => {
    expect(parseJson('['.repeat(1_000_000) + ']'.repeat(1_000_000))).toMatchObject({ problem: 'too_deep' });
    expect(parseJson('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000))).toMatchObject({
      problem: 'too_deep',
    });
  });
});
