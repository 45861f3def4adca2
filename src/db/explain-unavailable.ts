import { DatabaseRefused } from './session-settings.js';
import { readDatabaseCause } from './unavailable.js';

/** What to do, by SQLSTATE. */
const remedies: Readonly<Record<string, string>> = {
  '28P01': 'correct the user or the password of DATABASE_URL',
  '28000': 'let pg_hba.conf admit the user of DATABASE_URL',
  '3D000': 'create the database, or correct DATABASE_URL',
  '53100': 'free space on the disk of PostgreSQL',
  '53300': 'end other connections, or raise max_connections',
};
const otherRemedy = 'start PostgreSQL, or correct DATABASE_URL';

/**
 * Why PostgreSQL cannot be used at present, with its code and what to do, in one sentence. Null when waiting does not help:
 * for a database that is refused as it is, and for every other error.
 */
export function explainUnavailable(error: unknown): string | null {
  if (error instanceof DatabaseRefused) return null;
  const cause = readDatabaseCause(error);
  if (cause === null) return null;
  return `${cause.text} (${cause.code}): ${remedies[cause.code] ?? otherRemedy}`;
}
