import { latestDayAnywhere } from '../booking-day.js';
import { parseInstant, type InstantProblem } from '../instant.js';

const dayForm = /^\d{4}-\d\d-\d\d$/;

/**
 * Reads a start date, which is a day that a person picks and not an instant: a day, or an instant, of which the day as it
 * is written counts. It may be today anywhere on earth, since the customer's today is not the server's. Answers midnight
 * UTC of the day, which is how a day is stored.
 */
export function readStartDate(
  value: string,
  nowMs: number,
): { instant: string } | { problem: InstantProblem } {
  const parsed = parseInstant({
    value: dayForm.test(value) ? `${value}T00:00:00Z` : value,
    nowMs,
    futureMaxMs: Infinity,
  });
  if ('problem' in parsed) return parsed;
  const { writtenDay } = parsed;
  return writtenDay > latestDayAnywhere(nowMs)
    ? { problem: 'in_the_future' }
    : { instant: `${writtenDay}T00:00:00.000Z` };
}
