import { compareMarks, type DatabaseMark, type MarkComparison } from '../domain/database-mark.js';
import { raiseFinding } from './restore-findings.js';
import { transaction, type Pool, type Queryable } from './pool.js';

/** The database's side of the mark (`src/domain/database-mark.ts`), and whether a found restore still needs its repair. */

/** Fewer writes than workers: only one of them counts in this time. */
const countedEvery = `interval '45 seconds'`;
/** The repair of a restore is taken over from a process that has not renewed its lease for this long. */
const repairLease = `interval '2 minutes'`;
/** A process that repairs renews its lease this often: three renewals may fail. */
export const repairRenewedEveryMs = 30_000;

interface MarkRow {
  readonly databaseId: string;
  readonly mark: number;
  readonly markedAt: string;
  readonly writtenMark: number | null;
  readonly isDue: boolean;
}

export interface CountedMark {
  readonly comparison: MarkComparison;
  /** The new mark, to be written to Temporal; null when another process has just counted. */
  readonly toWrite: DatabaseMark | null;
}

/**
 * Compares Temporal's mark with the database's, records what that shows, and counts up. One process at a time: a restore
 * is found once.
 * @param read in this order, before this call: the mark that Temporal had accepted ({@link readWrittenMark}), and its own
 */
export async function countMark(
  pool: Pool,
  read: { readonly writtenMark: number | null; readonly temporal: DatabaseMark | null },
): Promise<CountedMark> {
  const { temporal, writtenMark } = read;
  return await transaction(pool, async (db) => {
    const row = await lockMark(db);
    // Null now: another process has found just before that Temporal lost it.
    const comparison = compareMarks(
      { ...row, writtenMark: row.writtenMark === null ? null : writtenMark },
      temporal,
    );
    switch (comparison) {
      case 'database_older':
        await recordDatabaseRestored(db, row, temporal);
        break;
      case 'temporal_older':
        await db.query(`UPDATE database_mark SET written_mark = NULL`);
        await raiseFinding(db, { code: 'temporal_data_lost', subject: 'workflows', detail: {} });
        break;
      case 'other_database':
        return { comparison, toWrite: null };
      case 'in_step':
        if (!row.isDue) return { comparison, toWrite: null };
    }
    const next = Math.max(row.mark, temporal?.mark ?? 0) + 1;
    const { rows } = await db.query<{ marked_at: string }>(
      `UPDATE database_mark SET mark = $1, marked_at = now() RETURNING marked_at`,
      [next],
    );
    const markedAt = rows[0]?.marked_at ?? row.markedAt;
    return { comparison, toWrite: { databaseId: row.databaseId, mark: next, markedAt } };
  });
}

async function lockMark(db: Queryable): Promise<MarkRow> {
  const { rows } = await db.query<MarkRow>(
    `SELECT database_id AS "databaseId", mark::float8 AS mark, marked_at AS "markedAt",
            written_mark::float8 AS "writtenMark",
            written_mark IS NULL OR marked_at < now() - ${countedEvery} AS "isDue"
       FROM database_mark FOR UPDATE`,
  );
  const row = rows[0];
  if (row === undefined) throw new Error('the database has no mark: its row was deleted');
  return row;
}

async function recordDatabaseRestored(
  db: Queryable,
  row: MarkRow,
  temporal: DatabaseMark | null,
): Promise<void> {
  const { rows } = await db.query<{ lost_from: string; lost_until: string | null }>(
    `UPDATE database_mark SET restored_at = now(), repairing_until = NULL, written_mark = $2,
            lost_from = least(lost_from, marked_at), lost_until = greatest(lost_until, $1)
     RETURNING lost_from, lost_until`,
    [temporal?.markedAt ?? null, temporal?.mark ?? null],
  );
  const detail = { lost_from: rows[0]?.lost_from ?? row.markedAt, lost_until: rows[0]?.lost_until ?? null };
  await raiseFinding(db, { code: 'database_restored', subject: 'service', detail });
}

/** Temporal has accepted this mark. */
export async function markWritten(db: Queryable, { mark }: DatabaseMark): Promise<void> {
  await db.query(`UPDATE database_mark SET written_mark = greatest(written_mark, $1)`, [mark]);
}

/** The highest mark that Temporal has accepted; null: it has never been set up for this database. */
export async function readWrittenMark(db: Queryable): Promise<number | null> {
  const { rows } = await db.query<{ written: number | null }>(
    `SELECT written_mark::float8 AS written FROM database_mark`,
  );
  return rows[0]?.written ?? null;
}

/** A found restore of the database: what was written between these moments (ISO) is lost. */
export interface DatabaseRestore {
  readonly lostFrom: string;
  readonly lostUntil: string | null;
}

/** The restore whose repair is not done; null when there is none. */
export async function readPendingRestore(db: Queryable): Promise<DatabaseRestore | null> {
  const { rows } = await db.query<DatabaseRestore>(
    `SELECT lost_from AS "lostFrom", lost_until AS "lostUntil" FROM database_mark WHERE restored_at IS NOT NULL`,
  );
  return rows[0] ?? null;
}

/** Takes the repair of a found restore, for one process at a time; null when there is none to take. */
export async function takeRestoreRepair(db: Queryable): Promise<DatabaseRestore | null> {
  const { rows } = await db.query<DatabaseRestore>(
    `UPDATE database_mark SET repairing_until = now() + ${repairLease}
      WHERE restored_at IS NOT NULL AND (repairing_until IS NULL OR repairing_until < now())
     RETURNING lost_from AS "lostFrom", lost_until AS "lostUntil"`,
  );
  return rows[0] ?? null;
}

/** Called while the repair goes on. A lease that has run out stays so: another process may have taken the repair. */
export async function renewRestoreRepair(db: Queryable): Promise<void> {
  await db.query(
    `UPDATE database_mark SET repairing_until = now() + ${repairLease} WHERE repairing_until > now()`,
  );
}

/** Whether some process is repairing a found restore now. */
export async function isRestoreBeingRepaired(db: Queryable): Promise<boolean> {
  const { rows } = await db.query(
    `SELECT 1 FROM database_mark WHERE restored_at IS NOT NULL AND repairing_until > now()`,
  );
  return rows.length > 0;
}

/** The repair is done, or (`done` false) another process may try it at once. */
export async function endRestoreRepair(db: Queryable, input: { done: boolean }): Promise<void> {
  await db.query(
    `UPDATE database_mark SET repairing_until = NULL,
            restored_at = CASE WHEN $1 THEN NULL ELSE restored_at END,
            lost_from = CASE WHEN $1 THEN NULL ELSE lost_from END,
            lost_until = CASE WHEN $1 THEN NULL ELSE lost_until END`,
    [input.done],
  );
}
