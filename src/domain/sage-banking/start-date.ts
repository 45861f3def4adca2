import { parseInstant, type InstantProblem } from '../instant.js';

/** A start date is a day that a person picks, not an instant. Days are `YYYY-MM-DD`. */

const dayPattern = /^\d{4}-\d\d-\d\d$/;
const dayCharacters = 'YYYY-MM-DD'.length;
const hourMs = 60 * 60_000;
/** Nowhere on earth is the clock further ahead of UTC. */
const mostAheadMs = 14 * hourMs;

/** The latest day that is today somewhere on earth. */
export function latestToday(nowMs: number): string {
  return new Date(nowMs + mostAheadMs).toISOString().slice(0, dayCharacters);
}

/**
 * Reads a start date: a day, or an instant, of which the day as it is written counts. It may be today anywhere on earth,
 * since the customer's today is not the server's. Answers midnight UTC of the day, which is how a day is stored.
 */
export function readStartDate(
  value: string,
  nowMs: number,
): { instant: string } | { problem: InstantProblem } {
  const day = value.slice(0, dayCharacters);
  const isDay = dayPattern.test(value);
  const parsed = parseInstant({
    value: isDay ? `${value}T00:00:00Z` : value,
    nowMs,
    futureMaxMs: Infinity,
  });
  if ('problem' in parsed) return parsed;
  const midnight = parseInstant({ value: `${day}T00:00:00Z`, nowMs, futureMaxMs: Infinity });
  if ('problem' in midnight) return midnight;
  return day > latestToday(nowMs) ? { problem: 'in_the_future' } : midnight;
}
