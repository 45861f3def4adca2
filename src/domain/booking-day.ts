import { dayMs, hourMs } from './limits.js';
import { isCalendarDate, yearMin } from './instant.js';
import { dayFormatOf } from './time-zone.js';

/**
 * Calendar days. A day is a text `YYYY-MM-DD`, so days compare as texts do; an instant is an ISO text in UTC with
 * milliseconds. A day belongs to a place: which one an instant lies in depends on the time zone.
 */

const dayPattern = /^(\d{4})-(\d\d)-(\d\d)$/;
/** A day begins first at UTC+14, the easternmost offset in use. */
const easternmostOffsetMs = 14 * hourMs;
/** A day ends last at UTC−12, the westernmost offset in use. */
const westernmostOffsetMs = -12 * hourMs;
/** The time of day in UTC whose date is the same in most zones: from −12:00 to +11:59. */
const noon = 'T12:00:00.000Z';

/** Whether it is the text of a day that exists, from the year `0001` on. */
export function isDay(value: unknown): value is string {
  const match = typeof value === 'string' ? dayPattern.exec(value) : null;
  if (match === null) return false;
  return Number(match[1]) > 0 && isCalendarDate(Number(match[1]), Number(match[2]), Number(match[3]));
}

/** Whether a text has the form of a day, which may not exist. */
export function isDayText(value: string): boolean {
  return dayPattern.test(value);
}

/**
 * What is wrong with a value that should be a day from 1900 to `latestDay`, as the end of a sentence that begins with the
 * field's name; null when nothing is.
 */
export function dayProblem(value: unknown, latestDay: string): string | null {
  if (typeof value !== 'string' || !isDayText(value)) return 'must be a date such as 2026-02-03';
  if (!isDay(value)) return 'names a date that does not exist';
  if (Number(value.slice(0, 4)) < yearMin) return `must not lie before the year ${yearMin}`;
  if (value <= latestDay) return null;
  return futureDayMessage(latestDay);
}

/** What is wrong with a day after {@link latestDayAnywhere}, as the end of a sentence that begins with the field's name. */
export function futureDayMessage(latestDay: string): string {
  return `is in the future: the latest day that has begun anywhere on earth is ${latestDay}`;
}

/** The day of an instant in UTC. */
export function utcDayOf(instant: string): string {
  return instant.slice(0, 10);
}

/** The day of an instant in a time zone: an IANA name that {@link isTimeZone} accepts. */
export function dayIn(timeZone: string, instant: string): string {
  return dayFormatOf(timeZone).format(Date.parse(instant));
}

/** The latest day that has begun anywhere on earth: "not in the future" for a day. */
export function latestDayAnywhere(nowMs: number): string {
  return utcDayOf(new Date(nowMs + easternmostOffsetMs).toISOString());
}

/** The earliest day that is today anywhere on earth: in every zone it is today or over. */
export function earliestDayAnywhere(nowMs: number): string {
  return utcDayOf(new Date(nowMs + westernmostOffsetMs).toISOString());
}

/** The day of now in a zone; without one in UTC. */
export function todayIn(timeZone: string | null, nowMs: number): string {
  const now = new Date(nowMs).toISOString();
  return timeZone === null ? utcDayOf(now) : dayIn(timeZone, now);
}

/** The day that lies a number of days after another one, or before it when negative. */
export function addDays(day: string, days: number): string {
  return utcDayOf(new Date(Date.parse(`${day}T00:00:00.000Z`) + days * dayMs).toISOString());
}

/** The zone in which days of an account are read: its own or its customer's, else the bank's, else none. */
export function zoneOf(input: { timeZone: string | null; bankTimeZone: string | null }): string | null {
  return input.timeZone ?? input.bankTimeZone;
}

/**
 * The booking day of something that happened at an instant: its day in the account's zone; without a zone the day as
 * it was written with its own offset.
 */
export function bookingDayOf(input: {
  instant: string;
  writtenDay: string;
  timeZone: string | null;
}): string {
  return input.timeZone === null ? input.writtenDay : dayIn(input.timeZone, input.instant);
}

/**
 * The first day that an instant may mean as the beginning of a range: as it was written, or in the account's zone. The
 * earlier one, since a day too many is harmless and a day too few loses postings.
 */
export function firstDayOf(input: { instant: string; writtenDay: string; timeZone: string | null }): string {
  const day = bookingDayOf(input);
  return day < input.writtenDay ? day : input.writtenDay;
}

/**
 * The instant under which a posting is sent and ordered: its own when Sage reads the booking day from it, else noon of
 * the booking day. Without an instant of its own (it was given as a day alone) noon, too.
 */
export function sendTimeOf(input: { instant: string | null; bookingDay: string }): string {
  const { instant, bookingDay } = input;
  return instant !== null && dayReadBySage(instant) === bookingDay ? instant : noonOf(bookingDay);
}

/** Noon UTC of a day. */
export function noonOf(day: string): string {
  return `${day}${noon}`;
}

/**
 * Assumption (Rutter's documentation names no zone; see its contract, transactions): Sage books a posting on the UTC
 * date of the `posted_at` that it is sent. Everything that depends on it asks this function.
 */
export function dayReadBySage(postedAt: string): string {
  return utcDayOf(postedAt);
}

/**
 * The first day of which a feed is sent, from the start date as Rutter returns it: a time of 00:00 UTC means the day
 * as written. Any other time is a moment in an unknown zone: the earlier of its UTC day and its day in the account's
 * zone, since a day too many is harmless and a day too few loses postings.
 */
export function startDayOf(input: { startDate: string; timeZone: string | null }): string {
  const instant = new Date(input.startDate).toISOString();
  const utcDay = utcDayOf(instant);
  if (input.timeZone === null || instant.endsWith('T00:00:00.000Z')) return utcDay;
  const zoneDay = dayIn(input.timeZone, instant);
  return zoneDay < utcDay ? zoneDay : utcDay;
}
