import { compareDatabaseClock } from '../../../db/clock.js';
import { readServerClock } from '../../../temporal/server-clock.js';
import type { CommandContext } from '../../command-context.js';
import { exitCodes } from '../../exit-codes.js';
import { doctorChannels } from '../channels.js';
import type { Check } from './check.js';
import { clockCheck } from './clocks.js';
import { configurationCheck } from './configuration.js';
import { databaseChecks } from './database.js';
import { openParts, type DoctorParts, type DoctorRole } from './open-parts.js';
import { publicUrlChecks } from './public-url.js';
import { jsonReport, printResult, summary } from './report.js';
import { runChecks } from './run-checks.js';
import { temporalChecks } from './temporal.js';

/** Runs every check and reports it; the exit code says whether one failed. */
export async function runDoctor(
  context: CommandContext,
  input: { roles: readonly DoctorRole[]; json: boolean },
): Promise<void> {
  const { terminal } = context;
  const { variables, localFile } = await context.environment();
  const parts = openParts(variables, input.roles);
  try {
    const checks = checksOf(parts);
    const idWidth = Math.max(...checks.map(({ id }) => id.length));
    if (localFile !== null && !input.json) terminal.print(`Configuration of npm start: ${localFile}`);
    const results = await runChecks({
      checks,
      onResult: (result) => {
        if (!input.json) printResult(terminal, result, idWidth);
      },
      onProgress: (running) => {
        const left = `${String(checks.length - running.length)}/${String(checks.length)}`;
        terminal.progress(running.length === 0 ? '' : `checked ${left}, waiting for ${running.join(', ')}`);
      },
    });
    terminal.print(input.json ? jsonReport({ results, configuration: localFile }) : summary(results));
    context.exitWith(results.some(({ outcome }) => outcome === 'failed') ? exitCodes.failed : exitCodes.ok);
  } finally {
    await parts.close();
  }
}

/** In the order of a report: what others need comes first. */
function checksOf(parts: DoctorParts): Check[] {
  const { api, worker, migrate, pool, temporal, keyring } = parts;
  const shared = { problems: [...parts.keyProblems, ...parts.temporalProblems] };
  return [
    configurationCheck('api', api, shared),
    configurationCheck('worker', worker, shared),
    configurationCheck('migrate', migrate, null),
    ...databaseChecks(pool),
    ...temporalChecks(temporal, pool),
    ...publicUrlChecks(api?.config ?? null),
    clockCheck({
      id: 'clock-database',
      part: 'PostgreSQL',
      read: pool === null ? null : () => compareDatabaseClock(pool, Date.now),
    }),
    clockCheck({
      id: 'clock-temporal',
      part: 'Temporal',
      read:
        temporal === null
          ? null
          : () => readServerClock(temporal.connection, { namespace: temporal.namespace, nowMs: Date.now }),
    }),
    ...Object.values(doctorChannels).flatMap((channel) =>
      channel.createChecks({ worker: worker?.config ?? null, pool, keyring }),
    ),
  ];
}
