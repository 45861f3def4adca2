/**
 * A number that the database counts up about every minute, and that is then written to Temporal. Each side keeps the one
 * it knows in its own backups, so comparing them shows which of the two came back from an earlier moment.
 */
export interface DatabaseMark {
  /** Of the database that counts; a restored database keeps it. */
  readonly databaseId: string;
  readonly mark: number;
  /** ISO, by the database's clock. */
  readonly markedAt: string;
}

/** One line that operators may read in the Temporal UI. */
export function printDatabaseMark({ databaseId, mark, markedAt }: DatabaseMark): string {
  return `mark ${String(mark)} of database ${databaseId} at ${markedAt}; written by the service, never runs`;
}

const printed = /^mark (\d{1,15}) of database ([0-9a-f-]{36}) at (\S+);/;

/** Null for any other text. */
export function parseDatabaseMark(text: string): DatabaseMark | null {
  const [, mark, databaseId, markedAt] = printed.exec(text) ?? [];
  if (mark === undefined || databaseId === undefined || markedAt === undefined) return null;
  return Number.isNaN(Date.parse(markedAt)) ? null : { databaseId, mark: Number(mark), markedAt };
}

/** What the marks of both sides say. */
export type MarkComparison =
  /** Neither side has lost anything. */
  | 'in_step'
  /** Temporal knows a later mark of this database: the database came back from an earlier moment. */
  | 'database_older'
  /** Temporal has none, or an earlier one than it had accepted: Temporal came back from an earlier moment, or empty. */
  | 'temporal_older'
  /** Temporal has the mark of another database: nothing may be concluded, and nothing of Temporal may be ended. */
  | 'other_database';

/**
 * To be read in this order: `writtenMark`, Temporal's mark, `mark`. The database counts first and records last what Temporal
 * has accepted, so in step the three never decrease from one to the next, however many processes count meanwhile.
 * @param database `writtenMark`: the highest mark that Temporal had accepted; null: none yet
 */
export function compareMarks(
  database: { readonly databaseId: string; readonly mark: number; readonly writtenMark: number | null },
  temporal: DatabaseMark | null,
): MarkComparison {
  if (temporal === null) return database.writtenMark === null ? 'in_step' : 'temporal_older';
  if (temporal.databaseId !== database.databaseId) return 'other_database';
  if (temporal.mark > database.mark) return 'database_older';
  return temporal.mark < (database.writtenMark ?? 0) ? 'temporal_older' : 'in_step';
}
