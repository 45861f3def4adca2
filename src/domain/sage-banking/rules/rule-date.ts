import { parseInstant } from '../../instant.js';

/** A date as rules compare it (contract 9.2). */
export interface RuleDate {
  /** The day in UTC. */
  readonly day: string;
  /** Null when only a day was given. */
  readonly epochMs: number | null;
}

const dayPattern = /^\d{4}-\d\d-\d\d$/;
const withoutSeconds = /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(Z|[+-]\d\d:\d\d)$/;

/** Criteria of a date: a day, or a date-time with an offset; null when it is neither. */
export function readCriteriaDate(text: string): RuleDate | null {
  if (dayPattern.test(text)) {
    const midnight = epochOf(`${text}T00:00:00Z`);
    return midnight === null ? null : { day: text, epochMs: null };
  }
  const epochMs = epochOf(text.replace(withoutSeconds, '$1:00$2'));
  return epochMs === null ? null : { day: dayOf(epochMs), epochMs };
}

/** A transaction's date. Our reading of one without an offset: it is UTC. */
export function readPostedDate(value: unknown): RuleDate | null {
  if (typeof value !== 'string') return null;
  return readCriteriaDate(value) ?? readCriteriaDate(`${value}Z`);
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

function dayOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}
