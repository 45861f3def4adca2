import { isDay } from '../domain/booking-day.js';
import type { Texts } from './texts.js';

/*
 * Days and times for people. An instant is printed in the zone of the account or customer that it concerns (`zoneOf`),
 * in UTC where there is none. A calendar day is printed as it is: it belongs to no zone.
 */

/** A day (`YYYY-MM-DD`), or the day of an instant in a zone, in words: `3 February 2026`. */
export function printDate(t: Texts, dayOrInstant: string, timeZone: string | null = null): string {
  const zone = isDay(dayOrInstant) ? 'UTC' : (timeZone ?? 'UTC');
  const format = new Intl.DateTimeFormat(t.language, { dateStyle: 'long', timeZone: zone });
  return format.format(new Date(dayOrInstant));
}

/** An instant to the minute, with the name of the zone: `3 Feb 2026, 09:14 UTC`, `3 Feb 2026, 10:14 CET`. */
export function printMoment(t: Texts, iso: string, timeZone: string | null = null): string {
  const format = new Intl.DateTimeFormat(t.language, {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZone: timeZone ?? 'UTC',
    timeZoneName: 'short',
  });
  return format.format(new Date(iso));
}

export function printCount(t: Texts, count: number): string {
  return new Intl.NumberFormat(t.language).format(count);
}
