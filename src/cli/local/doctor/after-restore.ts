import { Client } from '@temporalio/client';
import { activityChannels, type ActivityDeps } from '../../../activities/channels.js';
import { checkSetup } from '../../../activities/setup/check-setup.js';
import { holdRestoreRepair } from '../../../activities/setup/hold-restore-repair.js';
import { repairAfterRestore, type RestoreReport } from '../../../activities/setup/repair-after-restore.js';
import { dbChannels } from '../../../db/channels.js';
import { readPendingRestore, type DatabaseRestore } from '../../../db/database-mark.js';
import { createDataConverter } from '../../../temporal/data-converter.js';
import { createFacade } from '../../../temporal/channels.js';
import { createTemporalSetup } from '../../../temporal/setup.js';
import type { CommandContext } from '../../command-context.js';
import { CommandFailure, exitCodes } from '../../exit-codes.js';
import { restoreDeps } from '../channels.js';
import { openParts } from './open-parts.js';

const otherDatabase =
  'Temporal belongs to another database: nothing was changed. Give this database a namespace of its own, or, if the other ' +
  'one is lost for good, delete the Schedule database-mark and run the command again.';

const repairedElsewhere =
  'a worker is repairing the restored database now: nothing was changed. Run the command again when the log of the worker ' +
  'says "restore of the database repaired", or two minutes after it was ended.';

/**
 * `bankfeeds doctor --after-restore`: what the first worker does after a restore of the database, now, with a list of what
 * was found. A repeat is safe and finds less.
 */
export async function runAfterRestore(context: CommandContext, input: { json: boolean }): Promise<void> {
  const { variables } = await context.environment();
  const parts = openParts(variables, ['worker']);
  try {
    const { pool, temporal, keyring } = parts;
    const worker = parts.worker?.config ?? null;
    if (pool === null || temporal === null || keyring === null || worker === null) {
      const problems = [...(parts.worker?.problems ?? []), ...parts.keyProblems, ...parts.temporalProblems];
      throw new CommandFailure(problems.join('\n'), exitCodes.configuration);
    }
    const { connection, namespace } = temporal;
    const client = new Client({ connection, namespace, dataConverter: createDataConverter(keyring) });
    const setup = createTemporalSetup({ client, connection, namespace });
    const { comparison } = await checkSetup({ pool, setup });
    if (comparison === 'other_database') throw new CommandFailure(otherDatabase, exitCodes.failed);
    const workflows = createFacade(client);
    const repair = (lost: DatabaseRestore | null): Promise<RestoreReport> =>
      repairAfterRestore<ActivityDeps>(restoreDeps({ worker, pool, keyring, workflows }), {
        channels: activityChannels,
        dbChannels,
        restore: workflows,
        lost,
      });
    const done = await holdRestoreRepair(pool, { repair });
    if (done === null && (await readPendingRestore(pool)) !== null)
      throw new CommandFailure(repairedElsewhere, exitCodes.failed);
    // Without a found restore too: it adopts what a first run could not, or what core banking has sent again since.
    const report = done ?? (await repair(null));
    if (input.json) context.terminal.print(JSON.stringify(report));
    else
      for (const [name, count] of Object.entries(report))
        context.terminal.print(`${labels[name] ?? name}: ${String(count)}`);
    context.exitWith(exitCodes.ok);
  } finally {
    await parts.close();
  }
}

const labels: Readonly<Record<string, string>> = {
  endedWorkflows: 'workflows without a row, ended',
  decisions: 'decisions of operators that may be lost',
  adoptedConnections: 'connections adopted',
  adoptedFeeds: 'feeds adopted',
  unreadableConnections: 'connections that the provider refuses to show',
};
