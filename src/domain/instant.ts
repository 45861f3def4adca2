import { dayMs } from './limits.js';

/** Instants of the machine API: RFC 3339 with seconds and an offset. */
const instantPattern =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** No bank posting is older; a year like 0026 is a typing error. */
export const yearMin = 1900;
const minuteMs = 60_000;
/** Offsets in use lie between −12:00 and +14:00. */
const offsetWestMaxMinutes = 12 * 60;
const offsetEastMaxMinutes = 14 * 60;
/** Validated in UTC, as it is kept: what is accepted is acceptable in its canonical form, too. */
const earliestMs = Date.UTC(yearMin, 0, 1);
/** `2026-02-03T09:14:07.000Z`: with `Z` and this length it is in canonical form already. */
const canonicalLength = 24;
const hoursMax = 23;
const minutesMax = 59;

export type InstantProblem =
  | 'not_an_instant'
  | 'no_offset'
  | 'no_such_date'
  | 'year_out_of_range'
  | 'in_the_future';

export interface ReadInstant {
  readonly instant: string;
  /** The date as it was written, with its own offset: `2026-11-01` of `2026-11-01T00:00:00+01:00`. */
  readonly writtenDay: string;
}

/**
 * Reads an instant and answers it in UTC with milliseconds. Finer digits are truncated, not rounded: Rutter is sent
 * milliseconds, and truncating never moves a posting to a later second. A leap second (`:60`) is refused, since no
 * library involved can represent it. `futureMaxMs` bounds how far after `nowMs` the instant may lie.
 */
export function parseInstant(input: {
  value: unknown;
  nowMs: number;
  futureMaxMs: number;
}): ReadInstant | { problem: InstantProblem } {
  const { value } = input;
  const match = typeof value === 'string' ? instantPattern.exec(value) : null;
  if (match === null) {
    const offsetless = typeof value === 'string' && instantPattern.test(`${value}Z`);
    return { problem: offsetless ? 'no_offset' : 'not_an_instant' };
  }
  const year = Number(match[1]);
  const month = Number(match[2]);
  const day = Number(match[3]);
  const hour = Number(match[4]);
  const minute = Number(match[5]);
  const second = Number(match[6]);
  if (!isCalendarDate(year, month, day) || hour > hoursMax || minute > minutesMax || second > minutesMax) {
    return { problem: 'no_such_date' };
  }
  const offsetMinutes = offsetOf(match);
  if (offsetMinutes === null) return { problem: 'not_an_instant' };
  const millisecond = match[7] === undefined ? 0 : Number(match[7].slice(0, 3).padEnd(3, '0'));
  const epochMs =
    Date.UTC(year, month - 1, day, hour, minute, second, millisecond) - offsetMinutes * minuteMs;
  // `Date.UTC` takes the years 0 to 99 for those of the last century.
  if (year < yearMin - 1 || epochMs < earliestMs) return { problem: 'year_out_of_range' };
  if (epochMs > input.nowMs + input.futureMaxMs) return { problem: 'in_the_future' };
  const written = match[0];
  const isCanonical = written.length === canonicalLength && match[8] === undefined;
  return {
    instant: isCanonical ? written : new Date(epochMs).toISOString(),
    writtenDay: written.slice(0, 10),
  };
}

/** Whether the day exists in the Gregorian calendar. */
export function isCalendarDate(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Minutes east of UTC; null when there is no such offset. */
function offsetOf(match: RegExpExecArray): number | null {
  if (match[8] === undefined) return 0;
  const hours = Number(match[9]);
  const minutes = Number(match[10]);
  const total = hours * 60 + minutes;
  const isWest = match[8] === '-';
  if (minutes > minutesMax || total > (isWest ? offsetWestMaxMinutes : offsetEastMaxMinutes)) return null;
  return isWest ? -total : total;
}

/** The text for a problem, as the end of a sentence that begins with the field's name. */
export function describeInstantProblem(problem: InstantProblem, futureMaxMs: number): string {
  switch (problem) {
    case 'not_an_instant':
      return 'must be an ISO 8601 date and time with seconds and offset, such as 2026-02-03T09:14:07Z';
    case 'no_offset':
      return 'has no offset: end it with Z or with an offset such as +01:00';
    case 'no_such_date':
      return 'names a date or time that does not exist';
    case 'year_out_of_range':
      return `must not lie before the year ${yearMin}`;
    case 'in_the_future':
      return `lies more than ${futureMaxMs / dayMs} day(s) in the future`;
    default:
      return problem satisfies never;
  }
}
