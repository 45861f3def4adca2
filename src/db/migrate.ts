import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import { configOrExit, readMigrateConfig } from '../config.js';
import { createLogger } from '../logger.js';

const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url));

/**
 * Brings a database to the newest schema: plain SQL files, forward only, in one transaction each, one migrator
 * at a time (the others wait). Safe to repeat. Answers the names of the files applied now.
 */
export async function runMigrations(databaseUrl: string): Promise<string[]> {
  const applied = await runner({
    databaseUrl,
    dir: migrationsFolder,
    direction: 'up',
    migrationsTable: 'migrations',
    advisoryLockMode: 'wait',
    log: () => undefined,
  });
  return applied.map((migration) => migration.name);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const config = configOrExit(readMigrateConfig);
  const applied = await runMigrations(config.DATABASE_URL);
  createLogger(config.LOG_LEVEL, 'migrate').info({ applied }, 'migrated');
}
