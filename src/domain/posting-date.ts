import { bookingDayOf, dayProblem, isDayText, latestDayAnywhere, noonOf, sendTimeOf } from './booking-day.js';
import { describeInstantProblem, parseInstant } from './instant.js';
import { limits } from './limits.js';

/** When a posting happened and on which day it is booked. */
export interface PostingDate {
  /** UTC with milliseconds; noon of the day where only a day was given. */
  readonly postedAt: string;
  readonly bookingDay: string;
  /** The instant under which it is sent and ordered. */
  readonly sendAt: string;
}

/** As received. */
export interface ReceivedDate extends PostingDate {
  /** The day was given as such (`booking_date`, or a date alone as `posted_at`), not derived from an instant. */
  readonly bookingDayGiven: boolean;
}

/** A field that cannot be used; `message` is the end of a sentence that begins with the field's name. */
export interface PostingDateProblem {
  readonly field: 'posted_at' | 'booking_date';
  readonly message: string;
}

export interface PostingDateInput {
  readonly postedAt: unknown;
  readonly bookingDate: unknown;
  /** See `zoneOf`: null takes the day as written. */
  readonly timeZone: string | null;
  readonly nowMs: number;
}

/**
 * Reads `posted_at` and `booking_date`. The booking day is `booking_date`; else a date alone as `posted_at`; else the
 * day of `posted_at` in the zone, or as it was written. A day may be today anywhere on earth, or the day of its own
 * instant. All problems are answered, at most one of each field.
 */
export function parsePostingDate(input: PostingDateInput): ReceivedDate | { problems: PostingDateProblem[] } {
  const posted = readPostedAt(input);
  const given = input.bookingDate ?? null;
  const bookingMessage =
    given === null
      ? null
      : dayProblem(
          given,
          latestOf(latestDayAnywhere(input.nowMs), 'message' in posted ? '' : posted.derivedDay),
        );
  if ('message' in posted || bookingMessage !== null) {
    const problems: PostingDateProblem[] = [];
    if ('message' in posted) problems.push({ field: 'posted_at', message: posted.message });
    if (bookingMessage !== null) problems.push({ field: 'booking_date', message: bookingMessage });
    return { problems };
  }
  const bookingDay = given === null ? posted.derivedDay : (given as string);
  return {
    postedAt: posted.instant ?? noonOf(posted.derivedDay),
    bookingDay,
    bookingDayGiven: given !== null || posted.instant === null,
    sendAt: sendTimeOf({ instant: posted.instant, bookingDay }),
  };
}

function latestOf(one: string, other: string): string {
  return one > other ? one : other;
}

/** `instant` is null for a day alone. */
function readPostedAt(
  input: PostingDateInput,
): { instant: string | null; derivedDay: string } | { message: string } {
  const { postedAt, nowMs, timeZone } = input;
  if (typeof postedAt === 'string' && isDayText(postedAt)) {
    const message = dayProblem(postedAt, latestDayAnywhere(nowMs));
    return message === null ? { instant: null, derivedDay: postedAt } : { message };
  }
  const futureMaxMs = limits.postedAtFutureMaxMs;
  const parsed = parseInstant({ value: postedAt, nowMs, futureMaxMs });
  if (!('problem' in parsed)) {
    const { instant, writtenDay } = parsed;
    return { instant, derivedDay: bookingDayOf({ instant, writtenDay, timeZone }) };
  }
  const text = describeInstantProblem(parsed.problem, futureMaxMs);
  return { message: parsed.problem === 'not_an_instant' ? `${text}, or a date such as 2026-02-03` : text };
}
