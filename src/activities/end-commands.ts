import { log } from '@temporalio/activity';
import { listCommandsToCheck } from '../db/commands.js';
import type { ActivityChannels } from './channel.js';
import type { SharedDeps } from './deps.js';
import { repairPages, type RepairedPage, type RepairResult } from './repair-pages.js';

/*
 * Ends commands whose workflow does not run: terminated, cancelled, failed, lost with Temporal's data, or never started
 * because Temporal did not accept the start. They are not started again: whoever asked was answered with an error, or
 * has waited for longer than any answer takes, and may have asked again meanwhile. A repeat is safe: a command that has
 * ended stays as it is. Limits: some thousand commands a run; the next run continues after them.
 */

const pageSize = 500;
const pagesMax = 20;
/** A command that began later may not have its workflow yet. */
const youngMs = 60_000;

export function temporalEndCommands<Deps extends SharedDeps>(deps: Deps, channels: ActivityChannels<Deps>) {
  return (): Promise<RepairResult> =>
    repairPages(deps, {
      name: 'commands',
      pagesMax,
      repairsMax: Infinity,
      page: (afterId) => endPage(deps, { channels, afterId }),
    });
}

async function endPage<Deps extends SharedDeps>(
  deps: Deps,
  { channels, afterId }: { channels: ActivityChannels<Deps>; afterId: string | null },
): Promise<RepairedPage> {
  const commands = await listCommandsToCheck(deps.pool, { youngMs, afterId, limit: pageSize });
  const ids = commands.map(({ commandId }) => commandId);
  const missing = new Set(await deps.workflows.missingCommands({ commandIds: ids }));
  let ended = 0;
  for (const { commandId, kind } of commands) {
    if (!missing.has(commandId)) continue;
    const channel = Object.values(channels).find((each) => each.commandKinds.includes(kind));
    if (channel === undefined) continue;
    await channel.failCommand(deps)({ commandId, code: 'interrupted' });
    log.warn('a command without its workflow was ended', { commandId, kind });
    ended += 1;
  }
  const lastId = commands.length < pageSize ? null : (ids.at(-1) ?? null);
  return { lastId, checked: commands.length, repaired: ended };
}
