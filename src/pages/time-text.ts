import type { Texts } from './texts.js';

/** An ISO instant as a calendar date in words, in UTC: `3 February 2026`. */
export function printDate(t: Texts, iso: string): string {
  return new Intl.DateTimeFormat(t.language, { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(iso));
}

/** An ISO instant to the minute, in UTC, which it says: `3 Feb 2026, 09:14 UTC`. */
export function printMoment(t: Texts, iso: string): string {
  const format = new Intl.DateTimeFormat(t.language, {
    dateStyle: 'medium',
    timeStyle: 'short',
    timeZone: 'UTC',
  });
  return `${format.format(new Date(iso))} UTC`;
}

export function printCount(t: Texts, count: number): string {
  return new Intl.NumberFormat(t.language).format(count);
}
