import type { Pool } from '../../../db/pool.js';
import { listMigrations, readAppliedMigrations } from '../../../db/schema-version.js';
import { readServerState, readSessionSettings, type ServerState } from '../../../db/server-state.js';
import { DatabaseRefused, sessionSettings } from '../../../db/session-settings.js';
import { once } from './once.js';
import { failed, ok, skipped, textOf, warning, type Check, type Finding } from './check.js';

/** Fewer free slots than a process's pool has may refuse the next process. */
const connectionsFreeMin = 20;

/** PostgreSQL answers, can be written, and stores all texts. */
export function databaseFinding(state: ServerState): Finding {
  if (state.encoding !== 'UTF8') {
    return failed(
      `its encoding is ${state.encoding}, which cannot store all names`,
      "Create the database again with ENCODING 'UTF8' and restore the data into it.",
    );
  }
  if (state.inRecovery) {
    return failed(
      'it is a standby, in recovery',
      'Point DATABASE_URL at the primary: cursors and ledgers are read and written there only.',
    );
  }
  if (state.readOnly) {
    return failed(
      'it is read-only',
      'Set default_transaction_read_only to off for this database and role, or free the disk that made it so.',
    );
  }
  if (state.connectionsFree < connectionsFreeMin) {
    return warning(
      `PostgreSQL ${state.version}, writable, but only ${String(state.connectionsFree)} connection slots are free`,
      'Raise max_connections, or put a pooler between (docs/operations/scaling.md).',
    );
  }
  return ok(`PostgreSQL ${state.version}, writable, ${String(state.connectionsFree)} connection slots free`);
}

/** The migrations of this version against those that the database has. Both in order. */
export function schemaFinding(input: { files: readonly string[]; applied: readonly string[] }): Finding {
  const missing = input.files.filter((name) => !input.applied.includes(name));
  const newer = input.applied.filter((name) => !input.files.includes(name));
  const last = input.files.at(-1) ?? 'none';
  if (missing.length > 0) {
    return failed(
      `${String(missing.length)} of ${String(input.files.length)} migrations are missing, the first is ${String(missing[0])}`,
      'Run "npm run migrate" with this version before API and workers of it start.',
    );
  }
  if (newer.length > 0) {
    return warning(
      `the database has migrations that this version does not know: ${newer.join(', ')}`,
      'Right while a newer version is being deployed or was rolled back; otherwise run doctor from the newer version.',
    );
  }
  return ok(`all ${String(input.files.length)} migrations, the last is ${last}`);
}

const sessionRemedy =
  'A pooler changes or loses what the service sets: follow docs/operations/pooler.md line by line.';

/** Whether a session has what the service sets. */
export function sessionFinding(found: Readonly<Record<string, string>>): Finding {
  const wrong = Object.entries(sessionSettings)
    .filter(([name, value]) => found[name] !== value)
    .map(([name, value]) => `${name} is ${found[name] ?? 'unknown'}, not ${value}`);
  if (wrong.length > 0) return failed(wrong.join('; '), sessionRemedy);
  return ok(`all ${String(Object.keys(sessionSettings).length)} are as the service sets them`);
}

const unreachableRemedy =
  'Start PostgreSQL and check DATABASE_URL (host, port, name, password, sslmode) from this machine: psql "$DATABASE_URL".';

/** `pool` is null where DATABASE_URL is missing. */
export function databaseChecks(pool: Pool | null): Check[] {
  if (pool === null) return checkIds.map((id) => ({ id, run: () => skipped('needs DATABASE_URL') }));
  const database = once(() => readDatabase(pool));
  const whenThere = (id: string, run: () => Promise<Finding>): Check => ({
    id,
    run: async () => {
      if (!(await database()).answers) return skipped('see database');
      try {
        return await run();
      } catch (error) {
        return failed(textOf(error), 'Look into the log of PostgreSQL, and try again.');
      }
    },
  });
  return [
    { id: 'database', run: async () => (await database()).finding },
    whenThere('schema', async () =>
      schemaFinding({ files: await listMigrations(), applied: await readAppliedMigrations(pool) }),
    ),
    whenThere('session-settings', async () => sessionFinding(await readSessionSettings(pool))),
  ];
}

const checkIds = ['database', 'schema', 'session-settings'];

/** Never rejects. */
async function readDatabase(pool: Pool): Promise<{ answers: boolean; finding: Finding }> {
  try {
    return { answers: true, finding: databaseFinding(await readServerState(pool)) };
  } catch (error) {
    const remedy = error instanceof DatabaseRefused ? sessionRemedy : unreachableRemedy;
    return { answers: false, finding: failed(textOf(error), remedy) };
  }
}
