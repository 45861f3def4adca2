import { setTimeout as sleep } from 'node:timers/promises';
import {
  endRestoreRepair,
  isRestoreBeingRepaired,
  takeRestoreRepair,
  type DatabaseRestore,
} from '../../db/database-mark.js';
import type { Pool } from '../../db/pool.js';
import type { Logger } from '../../logger.js';
import type { TemporalSetup } from '../../temporal/setup.js';
import { checkSetup, type SetupCheck } from './check-setup.js';

/** What Temporal has lost is made again within this time and a little. A check is a handful of cheap calls. */
export const setupCheckEveryMs = 30_000;
/** The repair of another process, which ends within its lease, is checked this often. */
const repairEndsPollMs = 1_000;

export interface SetupKeeperInput {
  readonly pool: Pool;
  readonly setup: TemporalSetup;
  readonly logger: Logger;
  readonly stopping: AbortSignal;
  /** What was missing at the start of this process, which has made it. */
  readonly restoredAtStart: readonly string[];
  /** Repairs what a restore of the database left behind; one process at a time is asked to. */
  readonly repairRestore: (lost: DatabaseRestore) => Promise<object>;
  /** For tests; {@link setupCheckEveryMs} by default. */
  readonly everyMs?: number;
}

export interface SetupKeeper {
  /**
   * One check, with the repair of a restore that it finds, or the end of the one that another process has begun. Never
   * throws: a failure is logged, once for each cause.
   */
  begin(): Promise<void>;
  /** Checks again and again, until the worker stops. */
  keep(): Promise<void>;
}

export function createSetupKeeper(input: SetupKeeperInput): SetupKeeper {
  const { pool, logger, stopping, everyMs = setupCheckEveryMs } = input;
  let failure: string | null = null;
  let restoredBefore = input.restoredAtStart;
  let reported: SetupCheck['comparison'] = 'in_step';
  const check = async (): Promise<void> => {
    try {
      const found = await checkSetup({ ...input, restoredBefore });
      restoredBefore = [];
      report(logger, found, reported);
      reported = found.comparison;
      const lost = await takeRestoreRepair(pool);
      if (lost !== null) await repair(input, lost);
      failure = null;
    } catch (error) {
      const cause = error instanceof Error ? error.message : 'unknown';
      if (cause !== failure) logger.warn({ error }, 'setup of Temporal not checked');
      failure = cause;
    }
  };
  return {
    begin: async () => {
      await check();
      while (!stopping.aborted && (await isRestoreBeingRepaired(pool).catch(() => false)))
        await sleep(repairEndsPollMs, undefined, { signal: stopping }).catch(() => undefined);
    },
    keep: async () => {
      while (!stopping.aborted) {
        await sleep(everyMs, undefined, { signal: stopping }).catch(() => undefined);
        if (!stopping.aborted) await check();
      }
    },
  };
}

async function repair(
  { pool, logger, repairRestore }: SetupKeeperInput,
  lost: DatabaseRestore,
): Promise<void> {
  try {
    logger.info({ ...(await repairRestore(lost)) }, 'restore of the database repaired');
  } catch (error) {
    await endRestoreRepair(pool, { done: false }).catch(() => undefined);
    throw error;
  }
}

function report(logger: Logger, check: SetupCheck, before: SetupCheck['comparison']): void {
  const { restored, wasLost, comparison } = check;
  if (wasLost) logger.error({ restored }, 'setup of Temporal restored');
  if (comparison === before) return;
  switch (comparison) {
    case 'in_step':
      return;
    case 'database_older':
      logger.error('database was restored');
      return;
    case 'temporal_older':
      logger.error('Temporal was restored');
      return;
    case 'other_database':
      logger.error('Temporal belongs to another database');
  }
}
