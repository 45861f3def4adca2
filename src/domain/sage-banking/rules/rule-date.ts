import { dayIn, utcDayOf } from '../../booking-day.js';
import { parseInstant } from '../../instant.js';

/** A date as rules compare it (contract 9.2). */
export interface RuleDate {
  /** As written; of a date-time in the zone, without one in UTC. */
  readonly day: string;
  /** Null when only a day was given. */
  readonly epochMs: number | null;
}

const dayPattern = /^\d{4}-\d\d-\d\d$/;
const withoutSeconds = /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(Z|[+-]\d\d:\d\d)$/;

/**
 * Criteria of a date: a day, or a date-time with an offset; null when it is neither.
 *
 * @param timeZone in which the day of a date-time is read. Null is UTC, in which Sage is assumed to read it (contract 9.2);
 * where the zone of the customer is known, pages and previews use that one alike
 */
export function readCriteriaDate(text: string, timeZone: string | null = null): RuleDate | null {
  if (dayPattern.test(text)) {
    const midnight = epochOf(`${text}T00:00:00Z`);
    return midnight === null ? null : { day: text, epochMs: null };
  }
  const epochMs = epochOf(text.replace(withoutSeconds, '$1:00$2'));
  return epochMs === null ? null : { day: dayOf(epochMs, timeZone), epochMs };
}

/** A transaction's date. Our reading of one without an offset: it is UTC. */
export function readPostedDate(value: unknown, timeZone: string | null = null): RuleDate | null {
  if (typeof value !== 'string') return null;
  return readCriteriaDate(value, timeZone) ?? readCriteriaDate(`${value}Z`, timeZone);
}

/** By days when either side has no time, else by the instant. Below, at or above zero. */
export function compareDates(left: RuleDate, right: RuleDate): number {
  if (left.epochMs !== null && right.epochMs !== null) return left.epochMs - right.epochMs;
  return left.day === right.day ? 0 : left.day < right.day ? -1 : 1;
}

function epochOf(value: string): number | null {
  const parsed = parseInstant({ value, nowMs: 0, futureMaxMs: Infinity });
  return 'instant' in parsed ? Date.parse(parsed.instant) : null;
}

function dayOf(epochMs: number, timeZone: string | null): string {
  const instant = new Date(epochMs).toISOString();
  return timeZone === null ? utcDayOf(instant) : dayIn(timeZone, instant);
}
