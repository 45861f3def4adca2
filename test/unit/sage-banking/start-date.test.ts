import { describe, expect, test } from 'vitest';
import { startDateForSage } from '../../../src/clients/sage-banking/assumptions.js';
import { readStartDate } from '../../../src/domain/sage-banking/start-date.js';

const at = (time: string) => Date.parse(`2026-11-30T${time}Z`);

describe('a start date', () => {
  test('may be today where it is latest on earth, and no later day', () => {
    expect(readStartDate('2026-11-30', at('00:00:00'))).toEqual({ instant: '2026-11-30T00:00:00.000Z' });
    expect(readStartDate('2026-12-01', at('09:59:59.999'))).toEqual({ problem: 'in_the_future' });
    expect(readStartDate('2026-12-01', at('10:00:00'))).toEqual({ instant: '2026-12-01T00:00:00.000Z' });
    expect(readStartDate('2026-12-02', at('23:59:59'))).toEqual({ problem: 'in_the_future' });
  });

  test('is the day as it is written, whatever the offset', () => {
    for (const written of [
      '2026-11-01T00:00:00+14:00',
      '2026-11-01T23:59:59-12:00',
      '2026-11-01T12:00:00Z',
    ]) {
      expect(readStartDate(written, at('12:00:00'))).toEqual({ instant: '2026-11-01T00:00:00.000Z' });
    }
    expect(readStartDate('2026-12-01T00:30:00+14:00', at('10:30:00'))).toEqual({
      instant: '2026-12-01T00:00:00.000Z',
    });
  });

  test.each([
    ['2026-02-30', 'no_such_date'],
    ['1899-12-31', 'year_out_of_range'],
    ['2026-11-01T00:00:00', 'no_offset'],
    ['yesterday', 'not_an_instant'],
    ['', 'not_an_instant'],
  ])('%s is refused: %s', (value, problem) => {
    expect(readStartDate(value, at('12:00:00'))).toEqual({ problem });
  });

  test('is sent to Sage as a day that has begun in UTC: one day too much, never one too little', () => {
    expect(startDateForSage('2026-12-01T00:00:00.000Z', at('10:00:00'))).toBe('2026-11-30T00:00:00.000Z');
    expect(startDateForSage('2026-11-30T00:00:00.000Z', at('00:00:00'))).toBe('2026-11-30T00:00:00.000Z');
    expect(startDateForSage('2024-01-01T00:00:00Z', at('10:00:00'))).toBe('2024-01-01T00:00:00.000Z');
  });
});
