import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProviderError } from '../../clients/http/provider-error.js';
import { isRestoreBeingRepaired, type DatabaseRestore } from '../../db/database-mark.js';
import type { Pool } from '../../db/pool.js';
import { isDatabaseUnavailable } from '../../db/unavailable.js';
import type { Logger } from '../../logger.js';
import type { TemporalSetup } from '../../temporal/setup.js';
import { checkSetup, type SetupCheck } from './check-setup.js';
import { holdRestoreRepair } from './hold-restore-repair.js';

/** What Temporal has lost is made again within this time and a little. A check is a handful of cheap calls. */
export const setupCheckEveryMs = 30_000;
/** Before the worker begins: a check that failed is repeated, and the repair of another process is looked at, this often. */
const beginPollMs = 1_000;

export interface SetupKeeperInput {
  readonly pool: Pool;
  readonly setup: TemporalSetup;
  readonly logger: Logger;
  readonly stopping: AbortSignal;
  /** What was missing at the start of this process, which has made it. */
  readonly restoredAtStart: readonly string[];
  /** Repairs what a restore of the database left behind; one process at a time is asked to. */
  readonly repairRestore: (lost: DatabaseRestore) => Promise<object>;
  readonly isTemporalUnavailable: (error: unknown) => boolean;
  /** For tests; {@link setupCheckEveryMs} by default. */
  readonly everyMs?: number;
}

export interface SetupKeeper {
  /**
   * Returns when work may begin: neither side is older than the other, or what an operator decided in the lost time is
   * recovered, by this process or another one. Waits for Temporal and the database; a provider that does not answer holds
   * up only what the repair asks of it, which is tried again later. Never throws: a failure is logged, once for each
   * cause. Returns at once when the worker stops.
   */
  begin(): Promise<void>;
  /** Checks again and again, until the worker stops. */
  keep(): Promise<void>;
}

export function createSetupKeeper(input: SetupKeeperInput): SetupKeeper {
  const { pool, logger, stopping, isTemporalUnavailable, everyMs = setupCheckEveryMs } = input;
  const unreported = new Set(input.restoredAtStart);
  let failure: string | null = null;
  let reported: SetupCheck['comparison'] = 'in_step';
  /** Answers whether work may begin after it. */
  const check = async (): Promise<boolean> => {
    try {
      const found = await checkSetup({ ...input, unreported });
      report(logger, found, reported);
      reported = found.comparison;
      await repair(input);
      failure = null;
      return true;
    } catch (error) {
      const cause = error instanceof Error ? error.message : 'unknown';
      if (cause !== failure && !stopping.aborted) logger.warn({ error }, 'setup of Temporal not checked');
      failure = cause;
      // Else it is not known yet whether an operator's decision was lost.
      const isProvider = error instanceof ProviderError;
      return isProvider || !(isTemporalUnavailable(error) || isDatabaseUnavailable(error));
    }
  };
  const mayBegin = async (): Promise<boolean> => {
    if (await isRestoreBeingRepaired(pool).catch(() => false)) return false;
    return (await check()) && !(await isRestoreBeingRepaired(pool).catch(() => true));
  };
  return {
    begin: async () => {
      const stopped = untilAborted(stopping);
      while (!stopping.aborted && !(await Promise.race([mayBegin(), stopped])))
        await sleep(beginPollMs, undefined, { signal: stopping }).catch(() => undefined);
    },
    keep: async () => {
      while (await elapsed(everyMs, stopping)) await check();
    },
  };
}

/** A repair that waits for an answer when the worker stops is given up, so that another process takes it over at once. */
async function repair({ pool, logger, stopping, repairRestore }: SetupKeeperInput): Promise<void> {
  const done = await holdRestoreRepair(pool, {
    repair: (lost) =>
      Promise.race([
        repairRestore(lost),
        untilAborted(stopping).then(() => {
          throw new Error('the worker stops');
        }),
      ]),
  });
  if (done !== null) logger.info({ ...done }, 'restore of the database repaired');
}

/** False when the signal came first. */
async function elapsed(waitMs: number, signal: AbortSignal): Promise<boolean> {
  return await sleep(waitMs, true, { signal }).catch(() => false);
}

async function untilAborted(signal: AbortSignal): Promise<false> {
  if (!signal.aborted) await once(signal, 'abort');
  return false;
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
