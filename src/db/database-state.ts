import type { Cause } from '../domain/availability.js';
import type { Queryable } from './pool.js';
import { requireSchema, SchemaNotMigrated } from './schema-version.js';
import { readDatabaseCause } from './unavailable.js';

const undefinedTable = '42P01';
const insufficientPrivilege = '42501';

/**
 * Null when the service can do its work in the database; else why not: it does not answer, takes no writes, or has not the
 * schema. Never throws.
 */
export async function readDatabaseStateCause(db: Queryable): Promise<Cause | null> {
  try {
    const { rows } = await db.query<{ in_recovery: boolean; read_only: boolean }>(
      `SELECT pg_is_in_recovery() AS in_recovery, current_setting('transaction_read_only') = 'on' AS read_only,
              EXISTS (SELECT 1 FROM customers) AS has_schema`,
    );
    if (rows[0]?.in_recovery === true)
      return { code: 'in_recovery', text: 'the server is a standby in recovery' };
    if (rows[0]?.read_only === true) return { code: 'read_only', text: 'the database takes no writes' };
    await requireSchema(db);
    return null;
  } catch (error) {
    return readDatabaseCause(error) ?? otherCause(error);
  }
}

function otherCause(error: unknown): Cause {
  if (error instanceof SchemaNotMigrated) return { code: 'schema', text: error.message };
  const { code } = error as { code?: unknown };
  if (code === undefinedTable) return { code, text: 'the schema is missing: run "npm run migrate"' };
  if (code === insufficientPrivilege) return { code, text: 'the role may not read the tables' };
  return { code: typeof code === 'string' ? code : 'other', text: 'the check failed' };
}
