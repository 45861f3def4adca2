const isoDate = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})$/;

/** ISO 8601 date and time with an offset; 30 February is none (our assumption: an offset is required). */
export function isIsoDate(text: string): boolean {
  return !Number.isNaN(isoDateMs(text));
}

/** Epoch milliseconds, NaN when the text is no ISO 8601 date and time with an offset. */
export function isoDateMs(text: string): number {
  const match = isoDate.exec(text);
  if (match === null) return Number.NaN;
  const year = Number(match[1]);
  const month = Number(match[2]);
  // Date.parse reads 30 February as 2 March: the day is checked against its month first.
  if (Number(match[3]) > new Date(Date.UTC(year, month, 0)).getUTCDate()) return Number.NaN;
  return Date.parse(text);
}
