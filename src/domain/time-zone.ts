/** Names of time zones: IANA names such as `Europe/London`, as the runtime's own tz database has them. */

/** An offset such as `+01:00`, which newer runtimes take for a zone, has no daylight-saving time and is refused. */
const namePattern = /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/;
/** The longest IANA name has 32 characters. */
export const timeZoneLengthMax = 64;

const dayFormats = new Map<string, Intl.DateTimeFormat>();

/** Whether it is the name of a time zone that this runtime knows. */
export function isTimeZone(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > timeZoneLengthMax || !namePattern.test(value)) return false;
  try {
    dayFormatOf(value);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/**
 * Formats epoch ms as `YYYY-MM-DD` in a zone. One per zone is kept, since making one costs a hundred times its use;
 * their number is bounded by that of the zones (names are validated first).
 *
 * @throws RangeError for an unknown zone
 */
export function dayFormatOf(timeZone: string): Intl.DateTimeFormat {
  // Names are compared without regard to case.
  const key = timeZone.toLowerCase();
  const known = dayFormats.get(key);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  });
  dayFormats.set(key, format);
  return format;
}

/** What is wrong with a value that is no time zone, as the end of a sentence that begins with the field's name. */
export const timeZoneProblem = 'must be an IANA time zone, such as Europe/London or America/New_York';
