import { renewCommandKey } from '../../../db/commands.js';
import { linkAddress, planConnection } from '../../../domain/rutter/connection.js';
import { awaitRestoreRepair } from '../after-restore/await-repair.js';
import { isSpentKey } from '../explain-refusal.js';
import { finishWithConnection, type CommandContext, type CommandEnding } from './finish-with-connection.js';

/** POST /connections/create (contract 5.1, 5.2) under the command's key, and the connection stored with it. */
export async function createConnection(context: CommandContext): Promise<CommandEnding> {
  const { deps, command, signal } = context;
  const plan = planConnection({
    mode: deps.settings.connectionMode,
    platform: command.input.platform ?? deps.settings.rutterPlatform,
  });
  await awaitRestoreRepair(deps);
  const created = await deps.rutter
    .createConnection({
      platform: plan.createPlatform,
      idempotencyKey: command.providerKey,
      priority: 'interactive',
      signal,
    })
    .catch(async (error: unknown) => {
      // After an accepted 5xx an unused, empty connection may exist at Rutter: better than a failed command.
      if (isSpentKey(error)) {
        await renewCommandKey(deps.pool, { commandId: command.commandId, spentKey: command.providerKey });
      }
      throw error;
    });
  return await finishWithConnection(context, {
    rutterConnectionId: created.id,
    accessToken: created.accessToken,
    platform: plan.platform,
    linkUrl: linkAddress(created.linkUrl, plan),
    linkState: plan.linkState,
    how: 'created',
    status: null,
  });
}
