import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';
import { connectForMigrations } from './connection.js';

const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url));
const migrationsTable = 'migrations';
/** The first migration of every schema before version 0.2.0, which replaced them all by a new set. */
const firstOldMigration = '0001_customers_and_feeds';
/** SQLSTATE of an unknown time zone. */
const invalidParameterValue = '22023';

/** The database cannot be migrated as it is, whatever one waits for. The message is one sentence with the remedy. */
export class MigrationRefused extends Error {
  override readonly name: string = 'MigrationRefused';
}

/** The database was made before version 0.2.0, the first that can be upgraded. */
export class OldDatabase extends MigrationRefused {
  override readonly name = 'OldDatabase';
  constructor() {
    super(
      'This database was made before version 0.2.0 and cannot be upgraded: begin again with "npm start -- --fresh", or set DATABASE_URL to an empty database.',
    );
  }
}

/** The tables of an installation are in another schema than `public`. */
export class OtherSchema extends MigrationRefused {
  override readonly name = 'OtherSchema';
  constructor(schema: string) {
    super(
      `The tables are in the schema "${schema}", and the service uses "public" alone: stop it, move them with ALTER TABLE … SET SCHEMA public as docs/operations/pooler.md says, and run "migrate" again.`,
    );
  }
}

/**
 * Brings a database to the newest schema: plain SQL files, forward only, in one transaction each, one migrator
 * at a time (the others wait). Safe to repeat. Answers the names of the files applied now. `bankTimeZone` is an IANA
 * name, in which the days of postings that were stored without one are read; UTC when it is absent.
 *
 * @throws MigrationRefused or DatabaseRefused, with nothing changed
 */
export async function runMigrations(
  databaseUrl: string,
  options: { bankTimeZone?: string | undefined } = {},
): Promise<string[]> {
  const client = await connectForMigrations(databaseUrl);
  try {
    await refuseOtherSchema(client);
    await refuseOldDatabase(client);
    await setBankTimeZone(client, options.bankTimeZone ?? '');
    const applied = await runner({
      dbClient: client,
      dir: migrationsFolder,
      direction: 'up',
      migrationsTable,
      advisoryLockMode: 'wait',
      log: () => undefined,
    });
    return applied.map((migration) => migration.name);
  } finally {
    await client.end();
  }
}

/** Read by the migrations with current_setting(). PostgreSQL has its own list of zones, which may be older than ours. */
async function setBankTimeZone(client: pg.Client, timeZone: string): Promise<void> {
  if (timeZone !== '') {
    await client.query(`SELECT (now() AT TIME ZONE $1::text)::text`, [timeZone]).catch((error: unknown) => {
      if ((error as pg.DatabaseError).code !== invalidParameterValue) throw error;
      throw new MigrationRefused(
        'BANK_TIME_ZONE: PostgreSQL does not know this time zone: use an older name of it, or a server with newer time zone data.',
      );
    });
  }
  await client.query(`SELECT set_config('bankfeeds.bank_time_zone', $1, false)`, [timeZone]);
}

/**
 * The tables are in the schema `public`. Before version 0.3.0 a `search_path` of the role or the database decided; without
 * this check such an installation would get a second, empty set of tables.
 */
async function refuseOtherSchema(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ schema: string }>(
    `SELECT n.nspname AS schema FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND c.relname IN ('posting_conflicts', 'idempotency_keys', 'rate_limits')
        AND to_regclass('public.posting_conflicts') IS NULL GROUP BY n.nspname HAVING count(*) = 3`,
  );
  const schema = rows[0]?.schema;
  if (schema === undefined) return;
  throw new OtherSchema(schema);
}

async function refuseOldDatabase(client: pg.Client): Promise<void> {
  const table = await client.query(`SELECT 1 WHERE to_regclass('${migrationsTable}') IS NOT NULL`);
  if (table.rowCount === 0) return;
  const old = await client.query(`SELECT 1 FROM ${migrationsTable} WHERE name = $1`, [firstOldMigration]);
  if (old.rowCount !== 0) throw new OldDatabase();
}
