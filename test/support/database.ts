import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { inject } from 'vitest';
import './provided.js';

/** A database of its own for one test file. */
export interface TestDatabase {
  /** As a role reads it from DATABASE_URL. */
  url: string;
  /** Ends every connection to it and removes it. */
  drop(): Promise<void>;
}

/** Any number: it keeps two test processes from migrating the template at the same time. */
const templateLock = 7_330_001;
const template = 'bankfeeds_template';
const migrateFile = new URL('../../src/db/run-migrations.ts', import.meta.url);

/**
 * Makes a database with all migrations applied, copied from a template that is migrated once per run (some 50 ms).
 * With `{ empty: true }` it has none, for tests of the migrations themselves.
 */
export async function createTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const adminUrl = inject('postgresUrl');
  const name = `test_${randomBytes(8).toString('hex')}`;
  await withAdmin(adminUrl, async (admin) => {
    if (options.empty) await admin.query(`CREATE DATABASE ${name}`);
    else {
      // Copying needs a template that nobody is connected to, so the lock covers the copy as well.
      await admin.query('SELECT pg_advisory_lock($1)', [templateLock]);
      await ensureTemplate(admin, adminUrl);
      await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
    }
  });
  return {
    url: databaseUrl(adminUrl, name),
    drop: () =>
      withAdmin(adminUrl, async (admin) => {
        await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}

async function ensureTemplate(admin: pg.Client, adminUrl: string): Promise<void> {
  const found = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
  if (found.rowCount) return;
  // Under another name until it is whole: a run that dies in a migration leaves no half template.
  const unfinished = `${template}_new`;
  await admin.query(`DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`);
  await admin.query(`CREATE DATABASE ${unfinished}`);
  const migrated = await access(fileURLToPath(migrateFile)).then(
    () => true,
    () => false,
  );
  if (migrated) {
    const module = (await import(migrateFile.href)) as { runMigrations: (url: string) => Promise<unknown> };
    await module.runMigrations(databaseUrl(adminUrl, unfinished));
  }
  await admin.query(`ALTER DATABASE ${unfinished} RENAME TO ${template}`);
}

function databaseUrl(adminUrl: string, name: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function withAdmin(url: string, work: (admin: pg.Client) => Promise<void>): Promise<void> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
