import { finishCommand, type CommandState } from '../../db/commands.js';
import { transaction } from '../../db/pool.js';
import { lockRunningCommand } from '../../db/sage-banking/commands.js';
import { writeTimeline } from '../../db/timeline.js';
import type { SageBankingDeps } from './deps.js';
import type { SageCommandEnding } from './command-context.js';

/** Writes a command's result, its timeline entry and its other rows in one transaction, once. */
export async function endSageCommand(
  { pool }: Pick<SageBankingDeps, 'pool'>,
  input: { commandId: string; ending: SageCommandEnding },
): Promise<CommandState> {
  const { commandId, ending } = input;
  return await transaction(pool, async (db) => {
    if (await lockRunningCommand(db, { commandId })) {
      if (ending.timeline !== undefined) await writeTimeline(db, ending.timeline);
      await ending.also?.(db);
    }
    return await finishCommand(db, { commandId, result: ending.result });
  });
}
