import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytesFromPostgres,
  dateFromPostgres,
  isoFromPostgres,
  UnknownValueForm,
} from '../../src/db/value-parsers.js';

/* Texts of `timestamptz` as PostgreSQL writes them in a UTC session. The round trip is in test/activities/instants-of-postgres.test.ts. */
describe('isoFromPostgres', () => {
  it.each([
    ['2026-02-03 09:14:07+00', '2026-02-03T09:14:07.000Z'],
    ['2026-02-03 09:14:07.1+00', '2026-02-03T09:14:07.100Z'],
    ['2026-02-03 09:14:07.12+00', '2026-02-03T09:14:07.120Z'],
    ['2026-02-03 09:14:07.123+00', '2026-02-03T09:14:07.123Z'],
    ['2026-02-03 09:14:07.1234+00', '2026-02-03T09:14:07.1234Z'],
    ['2026-02-03 09:14:07.000001+00', '2026-02-03T09:14:07.000001Z'],
    ['0001-01-01 00:00:00+00', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31 23:59:59.999999+00', '9999-12-31T23:59:59.999999Z'],
  ])('writes %s as %s', (text, iso) => {
    expect(isoFromPostgres(text)).toBe(iso);
  });

  it.each([
    'infinity',
    '-infinity',
    '0044-03-15 00:00:00+00 BC',
    '10000-01-01 00:00:00+00',
    '2026-02-03 09:14:07+01',
    '2026-02-03 09:14:07',
    '2026-02-03',
    '30/11/2026 08:13:22 IST',
    '11-30-2026 08:13:22.5 UTC',
    '30.11.2026 08:13:22 UTC',
    'Mon Nov 30 08:13:22 2026 UTC',
  ])('refuses %s, since it cannot be converted exactly', (text) => {
    expect(() => isoFromPostgres(text)).toThrow(UnknownValueForm);
  });

  it('returns the same instant for every date that JavaScript can write', () => {
    const dates = fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(dates, (date) => {
        const iso = date.toISOString();
        const [seconds = '', fraction = ''] = iso.replace('T', ' ').replace('Z', '').split('.');
        // PostgreSQL drops the zeros at the end of a fraction, and a fraction that is nothing else.
        const shortened = fraction.replace(/0+$/, '');
        expect(isoFromPostgres(`${seconds}${shortened === '' ? '' : `.${shortened}`}+00`)).toBe(iso);
      }),
      { seed: 20_260_203, numRuns: 500 },
    );
  });
});

describe('other types whose form depends on settings', () => {
  it('a date is read in the ISO form only', () => {
    expect(dateFromPostgres('2026-02-03')).toBe('2026-02-03');
    for (const text of ['03/02/2026', '02-03-2026', '03.02.2026', 'infinity', '0044-03-15 BC'])
      expect(() => dateFromPostgres(text), text).toThrow(UnknownValueForm);
  });

  it('bytes are read in the hex form only', () => {
    expect(bytesFromPostgres('\\x00ff').equals(Buffer.from([0, 255]))).toBe(true);
    expect(bytesFromPostgres('\\x')).toHaveLength(0);
    for (const text of ['\\000\\377', 'abc', '\\x0', ''])
      expect(() => bytesFromPostgres(text)).toThrow(UnknownValueForm);
  });
});
