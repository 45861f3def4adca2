import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeFinding } from '../../src/domain/validation-message.js';

/** What the schema says of a value, in our words. */
function messageOf(schema: z.ZodType, value: unknown): string | undefined {
  return schema.safeParse(value, { error: describeFinding }).error?.issues[0]?.message;
}

const cases: [string, z.ZodType, unknown, string][] = [
  ['a missing field', z.string(), undefined, 'is required'],
  ['null for a string', z.string(), null, 'must be a string'],
  ['a string for a number', z.number(), '1', 'must be a number'],
  ['no number at all', z.coerce.number(), 'abc', 'must be a number'],
  ['a fraction for a whole number', z.int(), 1.5, 'must be a whole number'],
  ['a string for a whole number', z.int(), '1', 'must be a number'],
  ['a word for a boolean', z.boolean(), 'yes', 'must be true or false'],
  ['an object for a list', z.array(z.string()), {}, 'must be a list'],
  ['a list for an object', z.strictObject({}), [], 'must be an object'],
  ['a value of an unusual type', z.date(), 1, 'has a value of the wrong type'],
  ['one of several words', z.enum(['a', 'b']), 'c', 'must be one of a, b'],
  ['one word', z.literal('a'), 'b', 'must be a'],
  ['a day that does not exist', z.iso.date(), '2026-02-30', 'must be a day that exists, as YYYY-MM-DD'],
  ['a day in other words', z.iso.date(), '1/2/2026', 'must be a day that exists, as YYYY-MM-DD'],
  [
    'an instant',
    z.iso.datetime(),
    '2026-01-01',
    'must be an ISO 8601 date and time, such as 2026-01-31T09:30:00Z',
  ],
  ['an email address', z.email(), 'nobody', 'must be an email address'],
  ['a UUID', z.uuid(), 'x', 'must be a UUID'],
  ['a URL', z.url(), 'x', 'must be a URL'],
  ['a form of its own without words', z.string().regex(/^x$/), 'y', 'does not have the described form'],
  ['an empty string', z.string().min(1), '', 'must not be empty'],
  ['a short string', z.string().min(3), 'ab', 'must have at least 3 characters'],
  ['a long string', z.string().max(1), 'ab', 'must have at most 1 character'],
  ['an empty list', z.array(z.string()).min(1), [], 'must not be empty'],
  ['a short list', z.array(z.string()).min(2), ['a'], 'must have at least 2 entries'],
  ['a long list', z.array(z.string()).max(1), ['a', 'b'], 'must have at most 1 entry'],
  ['a small number', z.number().min(1), 0, 'must be at least 1'],
  ['a large number', z.number().max(65_535), 70_000, 'must be at most 65535'],
  ['a number between', z.number().multipleOf(5), 7, 'must be a multiple of 5'],
  ['no form of a union', z.union([z.string(), z.number()]), true, 'has none of the described forms'],
  ['a rule without words', z.string().refine(() => false), 'x', 'is not valid'],
  ['a rule with its own words', z.string().refine(() => false, 'must rhyme'), 'x', 'must rhyme'],
];

describe('what a schema finds wrong', () => {
  it.each(cases)('%s is worded by us', (_, schema, value, message) => {
    expect(messageOf(schema, value)).toBe(message);
  });

  it('is never in the words of the library', () => {
    for (const [, schema, value] of cases) {
      expect(messageOf(schema, value)).not.toMatch(/Invalid|expected|Too (small|big)|received/);
    }
  });
});
