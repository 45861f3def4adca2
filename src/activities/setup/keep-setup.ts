import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../../db/pool.js';
import type { Logger } from '../../logger.js';
import type { TemporalSetup } from '../../temporal/setup.js';
import { checkSetup, type SetupCheck } from './check-setup.js';

/** What Temporal has lost is made again within this time and a little. A check is a handful of cheap calls. */
export const setupCheckEveryMs = 30_000;

export interface KeepSetupInput {
  readonly pool: Pool;
  readonly setup: TemporalSetup;
  readonly logger: Logger;
  readonly stopping: AbortSignal;
  /** What was missing at the start of this process, which has made it. */
  readonly restoredAtStart: readonly string[];
  /** For tests; {@link setupCheckEveryMs} by default. */
  readonly everyMs?: number;
}

/** Checks again and again, until the worker stops. Never throws: a check that fails is logged, once for each cause. */
export async function keepSetup(input: KeepSetupInput): Promise<void> {
  const { logger, stopping, everyMs = setupCheckEveryMs } = input;
  let failure: string | null = null;
  let restoredBefore = input.restoredAtStart;
  let reported: SetupCheck['comparison'] = 'in_step';
  while (!stopping.aborted) {
    try {
      const check = await checkSetup({ ...input, restoredBefore });
      restoredBefore = [];
      report(logger, check, reported);
      reported = check.comparison;
      failure = null;
    } catch (error) {
      const cause = error instanceof Error ? error.message : 'unknown';
      if (cause !== failure) logger.warn({ error }, 'setup of Temporal not checked');
      failure = cause;
    }
    await sleep(everyMs, undefined, { signal: stopping }).catch(() => undefined);
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
