import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isoFromPostgres } from '../../src/db/pool.js';

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

  it.each(['infinity', '-infinity', '0044-03-15 00:00:00+00 BC', '2026-02-03 09:14:07+01', '2026-02-03'])(
    'leaves %s unchanged, since it cannot be converted exactly',
    (text) => {
      expect(isoFromPostgres(text)).toBe(text);
    },
  );

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
