import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { ConfigurationError, configOrExit, configurationExitCode, readMigrateConfig } from '../config.js';
import { createLog } from '../logger.js';

const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url));
const migrationsTable = 'migrations';
/** The first migration of every schema before version 0.2.0, which replaced them all by a new set. */
const firstOldMigration = '0001_customers_and_feeds';
/** SQLSTATE of an unknown time zone. */
const invalidParameterValue = '22023';

/** The database was made before version 0.2.0, the first that can be upgraded. The message is one sentence. */
export class OldDatabase extends Error {
  override readonly name = 'OldDatabase';
  constructor() {
    super(
      'This database was made before version 0.2.0 and cannot be upgraded: begin again with "npm start -- --fresh", or set DATABASE_URL to an empty database.',
    );
  }
}

/**
 * Brings a database to the newest schema: plain SQL files, forward only, in one transaction each, one migrator
 * at a time (the others wait). Safe to repeat. Answers the names of the files applied now. `bankTimeZone` is an IANA
 * name, in which the days of postings that were stored without one are read; UTC when it is absent.
 *
 * @throws OldDatabase or ConfigurationError, with nothing changed
 */
export async function runMigrations(
  databaseUrl: string,
  options: { bankTimeZone?: string | undefined } = {},
): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
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
    await client.query(`SELECT now() AT TIME ZONE $1::text`, [timeZone]).catch((error: unknown) => {
      if ((error as pg.DatabaseError).code !== invalidParameterValue) throw error;
      throw new ConfigurationError([
        'BANK_TIME_ZONE: PostgreSQL does not know this time zone: use an older name of it, or a server with newer time zone data',
      ]);
    });
  }
  await client.query(`SELECT set_config('bankfeeds.bank_time_zone', $1, false)`, [timeZone]);
}

async function refuseOldDatabase(client: pg.Client): Promise<void> {
  const table = await client.query(`SELECT 1 WHERE to_regclass('${migrationsTable}') IS NOT NULL`);
  if (table.rowCount === 0) return;
  const old = await client.query(`SELECT 1 FROM ${migrationsTable} WHERE name = $1`, [firstOldMigration]);
  if (old.rowCount !== 0) throw new OldDatabase();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const config = configOrExit(readMigrateConfig);
  try {
    const applied = await runMigrations(config.DATABASE_URL, { bankTimeZone: config.BANK_TIME_ZONE });
    createLog(config.LOG_LEVEL, 'migrate').logger.info({ applied }, 'migrated');
  } catch (error) {
    if (!(error instanceof OldDatabase || error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(configurationExitCode);
  }
}
