import {
  clockCheckEveryMs,
  clockDifferenceMs,
  clockOffset,
  httpDateResolutionMs,
  isClockOff,
  type ClockReading,
} from '../domain/clock-difference.js';
import type { Logger } from '../logger.js';
import { compareDatabaseClock } from './clock.js';
import { recordClocks, type PartClock } from './clock-differences.js';
import type { Pool } from './pool.js';

/** Another clock than the database's and our own. `read` gets our steady clock; null: not known now. */
export interface OtherClock {
  readonly part: string;
  readonly resolutionMs: number;
  readonly read: (steadyNowMs: () => number) => Promise<ClockReading | null>;
}

export interface ClockWatch {
  /** Now by the database's clock, epoch ms; by this process's until the database has answered once. */
  readonly nowMs: () => number;
  readonly stop: () => void;
}

/** An answer of a provider that is older says nothing about its clock now. */
const readingAgeMaxMs = 2 * clockCheckEveryMs;

/** It runs on when somebody sets the wall clock. */
const steadyNowMs = (): number => performance.now();

/**
 * Compares the clocks of this process (`self`, such as `api@host`) and of the other parts with the database's, now and
 * every minute: one that is off is stored, for the alert `clock_off`, and logged once. A part that does not answer is
 * left as it is.
 */
export function startClockWatch(input: {
  pool: Pool;
  self: string;
  others: readonly OtherClock[];
  logger: Logger;
}): ClockWatch {
  const { pool, self, others, logger } = input;
  let database: ClockReading | null = null;
  const logged = new Set<string>();
  let isChecking = false;
  const check = async (): Promise<void> => {
    // One that hangs is not joined by another.
    if (isChecking) return;
    isChecking = true;
    try {
      const reading = await compareDatabaseClock(pool, steadyNowMs);
      database = reading;
      const clocks = [ownClockOf(self, reading), ...(await readOthers(others, reading))];
      for (const clock of clocks) report(logger, logged, clock);
      await recordClocks(pool, clocks);
    } catch (error) {
      logger.debug({ err: error }, 'clocks not compared');
    } finally {
      isChecking = false;
    }
  };
  void check();
  const timer = setInterval(() => void check(), clockCheckEveryMs);
  timer.unref();
  return {
    nowMs: () =>
      database === null ? Date.now() : Math.floor(database.serverMs + steadyNowMs() - database.afterMs),
    stop: () => clearInterval(timer),
  };
}

function ownClockOf(part: string, database: ClockReading): PartClock {
  const ownMs = Date.now() - steadyNowMs();
  return {
    part,
    differenceMs: clockDifferenceMs({ leastMs: ownMs, mostMs: ownMs }, clockOffset(database)),
  };
}

async function readOthers(others: readonly OtherClock[], database: ClockReading): Promise<PartClock[]> {
  const clocks = await Promise.all(
    others.map(async ({ part, resolutionMs, read }) => {
      const reading = await read(steadyNowMs).catch(() => null);
      if (reading === null || steadyNowMs() - reading.afterMs > readingAgeMaxMs) return [];
      const offset = clockOffset(reading, resolutionMs);
      return [{ part, differenceMs: clockDifferenceMs(offset, clockOffset(database)) }];
    }),
  );
  return clocks.flat();
}

function report(logger: Logger, logged: Set<string>, { part, differenceMs }: PartClock): void {
  if (!isClockOff(differenceMs)) {
    if (logged.delete(part)) logger.info({ part }, 'clock right again');
    return;
  }
  if (logged.has(part)) return;
  logged.add(part);
  logger.error({ part, differenceMs: Math.round(differenceMs) }, 'clock off');
}

/** The clock of a provider, from the answers that its client gets anyway. */
export function providerClock(part: string, lastReading: () => ClockReading | null): OtherClock {
  return { part, resolutionMs: httpDateResolutionMs, read: () => Promise.resolve(lastReading()) };
}
