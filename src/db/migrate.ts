// npm run migrate: waits for PostgreSQL, brings the database to the newest schema, and ends with 0. Stopped before that, it
// ends by the signal: PostgreSQL undoes the migration that was not complete, and the next run makes it.
import { configOrExit, configurationExitCode, readMigrateConfig } from '../config.js';
import { createLog } from '../logger.js';
import { PartMissing, unavailableExitCode, waitForPart } from '../process/wait-for-part.js';
import { explainUnavailable } from './explain-unavailable.js';
import { MigrationRefused, runMigrations } from './run-migrations.js';
import { DatabaseRefused } from './session-settings.js';

/** Longer than a database takes to start or to fail over; then somebody has to look. */
const databaseWaitMaxMs = 5 * 60_000;

const config = configOrExit(readMigrateConfig);
const { logger } = createLog(config.LOG_LEVEL, 'migrate');
try {
  const applied = await waitForPart({
    part: 'PostgreSQL',
    attempt: () => runMigrations(config.DATABASE_URL, { bankTimeZone: config.BANK_TIME_ZONE }),
    explain: (error) => (isRefusedSignIn(error) ? null : explainUnavailable(error)),
    logger,
    maxMs: databaseWaitMaxMs,
  });
  logger.info({ applied }, 'migrated');
} catch (error) {
  // What an operator must change: one sentence, without a stack.
  if (error instanceof PartMissing) fail(error.message, unavailableExitCode);
  if (error instanceof MigrationRefused || error instanceof DatabaseRefused) {
    fail(error.message, configurationExitCode);
  }
  if (isRefusedSignIn(error)) fail(explainUnavailable(error) ?? '', configurationExitCode);
  throw error;
}

/** SQLSTATE class 28: no wait makes a password right. */
function isRefusedSignIn(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && code.startsWith('28');
}

function fail(sentence: string, exitCode: number): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(exitCode);
}
