import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Queryable } from './pool.js';

const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url));
const undefinedTable = '42P01';

/** The names of the migrations of this version, in the order in which they are applied. */
export async function listMigrations(): Promise<string[]> {
  const files = await readdir(migrationsFolder);
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, -'.sql'.length))
    .sort();
}

/** The names of the migrations that a database has; none when it was never migrated. */
export async function readAppliedMigrations(db: Queryable): Promise<string[]> {
  try {
    const { rows } = await db.query<{ name: string }>(`SELECT name FROM migrations ORDER BY name`);
    return rows.map(({ name }) => name);
  } catch (error) {
    if ((error as { code?: unknown }).code === undefinedTable) return [];
    throw error;
  }
}

/** The migrations of this version that the database lacks; those of a later version do not matter. */
export async function listMissingMigrations(db: Queryable): Promise<string[]> {
  const [known, applied] = await Promise.all([listMigrations(), readAppliedMigrations(db)]);
  return known.filter((name) => !applied.includes(name));
}

/** The database lacks migrations of this version. The message is one sentence with the remedy. */
export class SchemaNotMigrated extends Error {
  override readonly name = 'SchemaNotMigrated';
}

/** @throws SchemaNotMigrated until `migrate` of this version has run, or what PostgreSQL throws */
export async function requireSchema(db: Queryable): Promise<void> {
  const missing = await listMissingMigrations(db);
  if (missing.length === 0) return;
  // The same text while the migrations run: who waits reports each cause once.
  throw new SchemaNotMigrated(
    `the database does not have the schema of this version yet (up to ${missing.at(-1) ?? ''}): run "npm run migrate"`,
  );
}
