import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addDays,
  bookingDayOf,
  dayIn,
  dayProblem,
  dayReadBySage,
  firstDayOf,
  isDay,
  earliestDayAnywhere,
  latestDayAnywhere,
  noonOf,
  sendTimeOf,
  startDayOf,
  utcDayOf,
} from '../../src/domain/booking-day.js';
import { parsePostingDate } from '../../src/domain/posting-date.js';
import { isTimeZone } from '../../src/domain/time-zone.js';

/** From −12:00 to +14:00, with and without daylight-saving time, of whole, half and quarter hours. */
const zones = [
  'Etc/GMT+12',
  'Pacific/Pago_Pago',
  'America/St_Johns',
  'America/New_York',
  'UTC',
  'Europe/London',
  'Europe/Berlin',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Auckland',
  'Pacific/Chatham',
  'Pacific/Apia',
  'Pacific/Kiritimati',
];
const zone = fc.constantFrom(...zones);
const instant = fc
  .date({ min: new Date('1971-01-01'), max: new Date('2026-11-29'), noInvalidDate: true })
  .map((date) => date.toISOString());
/** Around the changes to and from daylight-saving time of London, New York and Lord Howe. */
const changes = [
  '2026-03-29T01:00Z',
  '2025-10-26T01:00Z',
  '2026-03-08T07:00Z',
  '2025-11-02T06:00Z',
  '2026-04-04T15:00Z',
];
const nearChange = fc
  .tuple(fc.constantFrom(...changes), fc.integer({ min: -26 * 60, max: 26 * 60 }))
  .map(([change, minutes]) => new Date(Date.parse(change) + minutes * 60_000).toISOString());
const anyInstant = fc.oneof(instant, nearChange);
const nowMs = Date.parse('2026-11-30T08:00:00Z');

/** The offset of a zone at an instant, by another part of Intl than the code under test. */
function offsetMinutes(timeZone: string, at: string): number {
  const parts = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' }).formatToParts(
    new Date(at),
  );
  const text = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const match = /GMT(?:([+-])(\d\d):(\d\d)(?::\d\d)?)?$/.exec(text);
  const minutes = Number(match?.[2] ?? 0) * 60 + Number(match?.[3] ?? 0);
  return match?.[1] === '-' ? -minutes : minutes;
}

/** As a local clock writes it, with its offset. */
function written(timeZone: string, at: string): string {
  const minutes = offsetMinutes(timeZone, at);
  const local = new Date(Date.parse(at) + minutes * 60_000).toISOString().slice(0, -1);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const size = Math.abs(minutes);
  return `${local}${minutes < 0 ? '-' : '+'}${two(size / 60)}:${two(size % 60)}`;
}

function parsed(input: { postedAt: unknown; bookingDate?: unknown; timeZone?: string | null }) {
  return parsePostingDate({ bookingDate: undefined, timeZone: null, nowMs, ...input });
}

describe('a booking day', () => {
  it('is the day of the local clock, in every zone and around clock changes', () => {
    fc.assert(
      fc.property(anyInstant, zone, (at, timeZone) => {
        const local = new Date(Date.parse(at) + offsetMinutes(timeZone, at) * 60_000).toISOString();
        expect(dayIn(timeZone, at)).toBe(utcDayOf(local));
      }),
      { numRuns: 500 },
    );
  });

  it('is the same from the written offset as from the zone, and is always the day that Sage reads', () => {
    fc.assert(
      fc.property(anyInstant, zone, (at, timeZone) => {
        const text = written(timeZone, at);
        const fromOffset = parsed({ postedAt: text });
        const fromZone = parsed({ postedAt: at, timeZone });
        expect(fromZone).toEqual({ ...fromOffset, bookingDayGiven: false });
        if ('problems' in fromZone) throw new Error('refused');
        expect(fromZone.bookingDay).toBe(text.slice(0, 10));
        expect(dayReadBySage(fromZone.sendAt)).toBe(fromZone.bookingDay);
        expect([at, noonOf(fromZone.bookingDay)]).toContain(fromZone.sendAt);
        if (utcDayOf(at) === fromZone.bookingDay) expect(fromZone.sendAt).toBe(at);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps its date at noon UTC for every local clock from −12:00 to +11:45', () => {
    for (let minutes = -12 * 60; minutes <= 11 * 60 + 45; minutes += 15) {
      const local = new Date(Date.parse(noonOf('2026-02-28')) + minutes * 60_000).toISOString();
      expect(utcDayOf(local)).toBe('2026-02-28');
    }
  });

  it.each([
    ['2026-11-01T00:00:00+01:00', null, '2026-11-01', '2026-11-01T12:00:00.000Z'],
    ['2026-10-31T23:00:00Z', 'Europe/Berlin', '2026-11-01', '2026-11-01T12:00:00.000Z'],
    ['2026-11-02T02:30:00Z', 'America/New_York', '2026-11-01', '2026-11-01T12:00:00.000Z'],
    ['2026-11-01T21:30:00-05:00', null, '2026-11-01', '2026-11-01T12:00:00.000Z'],
    // The account's zone decides, not the offset.
    ['2026-11-01T00:30:00+01:00', 'Europe/London', '2026-10-31', '2026-10-31T23:30:00.000Z'],
    ['2026-11-01T09:00:00Z', null, '2026-11-01', '2026-11-01T09:00:00.000Z'],
    ['2025-12-31T10:00:00Z', 'Pacific/Kiritimati', '2026-01-01', '2026-01-01T12:00:00.000Z'],
    ['2024-03-01T11:59:59.999Z', 'Etc/GMT+12', '2024-02-29', '2024-02-29T12:00:00.000Z'],
  ])('of %s in the zone %s is %s, sent at %s', (postedAt, timeZone, bookingDay, sendAt) => {
    expect(parsed({ postedAt, timeZone })).toMatchObject({ bookingDay, sendAt, bookingDayGiven: false });
  });

  it('that is given goes before zone and offset, however far from the instant', () => {
    const at = '2026-11-01T09:00:00Z';
    for (const [bookingDate, sendAt] of [
      ['2026-11-01', '2026-11-01T09:00:00.000Z'],
      ['2026-11-03', '2026-11-03T12:00:00.000Z'],
      ['2025-01-31', '2025-01-31T12:00:00.000Z'],
    ] as const) {
      expect(parsed({ postedAt: at, bookingDate, timeZone: 'Asia/Tokyo' })).toEqual({
        postedAt: '2026-11-01T09:00:00.000Z',
        bookingDay: bookingDate,
        bookingDayGiven: true,
        sendAt,
      });
    }
    expect(parsed({ postedAt: '2026-11-01', bookingDate: '2026-11-02' })).toMatchObject({
      bookingDay: '2026-11-02',
    });
  });

  it('may be given as posted_at alone, in any zone', () => {
    for (const timeZone of [null, ...zones]) {
      expect(parsed({ postedAt: '2026-11-01', timeZone })).toEqual({
        postedAt: '2026-11-01T12:00:00.000Z',
        bookingDay: '2026-11-01',
        bookingDayGiven: true,
        sendAt: '2026-11-01T12:00:00.000Z',
      });
    }
  });

  it('is over everywhere on earth, or today, when it is the earliest day anywhere', () => {
    const early = Date.parse('2026-11-30T11:59:59.999Z');
    const late = Date.parse('2026-11-30T12:00:00.000Z');
    expect([earliestDayAnywhere(early), earliestDayAnywhere(late)]).toEqual(['2026-11-29', '2026-11-30']);
  });

  it('may be today anywhere on earth, and no later, unless it is the day of its own instant', () => {
    const early = Date.parse('2026-11-30T09:59:59.999Z');
    const late = Date.parse('2026-11-30T10:00:00Z');
    expect([latestDayAnywhere(early), latestDayAnywhere(late)]).toEqual(['2026-11-30', '2026-12-01']);
    const at = '2026-11-30T09:00:00Z';
    const takes = (bookingDate: string, ms: number) =>
      !('problems' in parsePostingDate({ postedAt: at, bookingDate, timeZone: null, nowMs: ms }));
    expect([takes('2026-12-01', early), takes('2026-12-01', late), takes('2026-12-02', late)]).toEqual([
      false,
      true,
      false,
    ]);
    const tomorrow = '2026-12-01T09:00:00+14:00';
    expect(parsed({ postedAt: tomorrow })).toMatchObject({ bookingDay: '2026-12-01' });
    expect(parsed({ postedAt: tomorrow, bookingDate: '2026-12-01' })).toMatchObject({
      bookingDay: '2026-12-01',
    });
  });

  it('that is none is refused with the field that is wrong, both when both are', () => {
    for (const value of [
      '2026-02-30',
      '2025-02-29',
      '2026-13-01',
      '2026-1-1',
      '20260101',
      '',
      20260101,
      true,
      {},
      '2026-11-01T00:00:00Z',
      '1899-12-31',
      '0000-01-01',
      '9999-12-31',
      '２０２６-01-01',
      ' 2026-01-01',
    ]) {
      const result = parsed({ postedAt: 'soon', bookingDate: value });
      expect([value, 'problems' in result ? result.problems.map(({ field }) => field) : result]).toEqual([
        value,
        ['posted_at', 'booking_date'],
      ]);
    }
    expect(parsed({ postedAt: '2026-02-30' })).toEqual({
      problems: [{ field: 'posted_at', message: 'names a date that does not exist' }],
    });
  });
});

describe('a day', () => {
  it('exists in the Gregorian calendar', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9999 }),
        fc.integer({ min: 0, max: 13 }),
        fc.integer({ min: 0, max: 32 }),
        (y, m, d) => {
          const text = `${String(y).padStart(4, '0')}-${String(m).padStart(2, '0')}-${String(d).padStart(2, '0')}`;
          const date = new Date(`${text}T00:00:00Z`);
          const exists = !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 10) === text;
          expect([text, isDay(text)]).toEqual([text, exists]);
        },
      ),
      { numRuns: 500 },
    );
    expect([isDay('0001-01-01'), isDay('9999-12-31'), isDay('0000-01-01')]).toEqual([true, true, false]);
  });

  it('has neighbors across months, leap days and years', () => {
    expect([addDays('2024-02-29', 1), addDays('2026-01-01', -1), addDays('2026-03-29', 1)]).toEqual([
      '2024-03-01',
      '2025-12-31',
      '2026-03-30',
    ]);
  });

  it('must not lie in the future, and the message names the latest one', () => {
    expect(dayProblem('2026-12-02', '2026-12-01')).toContain('2026-12-01');
    expect(dayProblem('2026-12-01', '2026-12-01')).toBeNull();
  });
});

describe('the first day of a range', () => {
  it('of a start date at 00:00 UTC is its date in every zone', () => {
    for (const timeZone of [null, ...zones]) {
      expect(startDayOf({ startDate: '2026-11-01T00:00:00.000Z', timeZone })).toBe('2026-11-01');
      expect(startDayOf({ startDate: '2026-11-01T01:00:00+01:00', timeZone })).toBe('2026-11-01');
    }
  });

  it.each([
    // Midnight in Berlin: the day in UTC is one too early, which is harmless.
    ['2026-10-31T23:00:00.000Z', 'Europe/Berlin', '2026-10-31'],
    ['2026-11-01T04:00:00.000Z', 'America/New_York', '2026-11-01'],
    ['2026-11-01T03:00:00.000Z', 'America/New_York', '2026-10-31'],
    ['2026-11-01T03:00:00.000Z', null, '2026-11-01'],
    ['2026-11-01T00:00:00.001Z', 'America/New_York', '2026-10-31'],
  ])('of the start date %s in %s is %s', (startDate, timeZone, day) => {
    expect(startDayOf({ startDate, timeZone })).toBe(day);
  });

  it('is never later than the day that the customer picked, and at most one day earlier', () => {
    fc.assert(
      fc.property(anyInstant, zone, fc.boolean(), (at, timeZone, inUtc) => {
        // Sage turns the picked day into midnight UTC, or midnight of the customer.
        const picked = dayIn(timeZone, at);
        const midnight = inUtc ? `${picked}T00:00:00.000Z` : localMidnight(timeZone, picked);
        const day = startDayOf({ startDate: midnight, timeZone });
        expect([picked, addDays(picked, -1)]).toContain(day);
      }),
      { numRuns: 500 },
    );
  });

  it('of an instant is the written day, or that of the zone where it is earlier', () => {
    const instantText = '2026-10-31T23:00:00.000Z';
    expect(firstDayOf({ instant: instantText, writtenDay: '2026-11-01', timeZone: null })).toBe('2026-11-01');
    expect(firstDayOf({ instant: instantText, writtenDay: '2026-11-01', timeZone: 'UTC' })).toBe(
      '2026-10-31',
    );
    expect(firstDayOf({ instant: instantText, writtenDay: '2026-10-31', timeZone: 'Asia/Tokyo' })).toBe(
      '2026-10-31',
    );
  });
});

/** The first moment of a day in a zone, found by trying. */
function localMidnight(timeZone: string, day: string): string {
  const aroundMs = Date.parse(`${day}T00:00:00Z`);
  for (let minutes = -15 * 60; minutes <= 15 * 60; minutes += 15) {
    const at = new Date(aroundMs + minutes * 60_000).toISOString();
    if (dayIn(timeZone, at) === day) return at;
  }
  throw new Error('the day has no first moment');
}

describe('a time zone', () => {
  it('is an IANA name, of any case', () => {
    for (const name of [...zones, 'GMT', 'europe/berlin', 'Asia/Calcutta', 'America/Argentina/Buenos_Aires'])
      expect([name, isTimeZone(name)]).toEqual([name, true]);
  });

  it.each([
    '',
    'Z',
    '+01:00',
    '+0100',
    '-12',
    'Berlin',
    'Europe/Atlantis',
    ' UTC',
    'UTC ',
    'Europe/Berlin\u0000',
    'x'.repeat(65),
    5,
    null,
    undefined,
    {},
  ])('is not %j', (value) => {
    expect(isTimeZone(value)).toBe(false);
  });
});

it('a send time without an instant is noon', () => {
  expect(sendTimeOf({ instant: null, bookingDay: '2026-11-01' })).toBe('2026-11-01T12:00:00.000Z');
  expect(
    bookingDayOf({ instant: '2026-11-01T00:00:00.000Z', writtenDay: '2026-10-31', timeZone: null }),
  ).toBe('2026-10-31');
});
