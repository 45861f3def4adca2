/*
 * Days and send times by the checker's own rules (docs/postings.md), independent of the code under test.
 */

const dayLength = 'YYYY-MM-DD'.length;

/** Time zones from −12:00 to +14:00, some with daylight-saving time and odd offsets. */
export const drawnTimeZones = [
  'Etc/GMT+12',
  'America/New_York',
  'Europe/London',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Kiritimati',
] as const;
export type DrawnTimeZone = (typeof drawnTimeZones)[number] | null;

/** The day of an instant in a zone. */
export function dayIn(timeZone: string, atMs: number): string {
  // Swedish dates are written like ISO days.
  return new Date(atMs).toLocaleDateString('sv-SE', { timeZone });
}

export function utcDay(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, dayLength);
}

export function noonOf(day: string): number {
  return Date.parse(`${day}T12:00:00.000Z`);
}

/** The first day that a feed sends, by the start date that Rutter returns. */
export function startDayOf(startDateMs: number, timeZone: string | null): string {
  const inUtc = utcDay(startDateMs);
  const isMidnight = startDateMs === Date.parse(`${inUtc}T00:00:00.000Z`);
  if (timeZone === null || isMidnight) return inUtc;
  const inZone = dayIn(timeZone, startDateMs);
  return inZone < inUtc ? inZone : inUtc;
}
