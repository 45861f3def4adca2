import { setTimeout as delay } from 'node:timers/promises';
import type { PrintLine } from './local-failure.js';
import type { RunningPart } from './running-part.js';

export interface SuperviseInput<Part extends RunningPart> {
  name: string;
  /** Starts it and resolves when it is ready. */
  start: () => Promise<Part>;
  printLine: PrintLine;
}

export interface Supervised<Part extends RunningPart> {
  /** The part of the first start. */
  first: Part;
  /** Stops it without a restart. */
  stop(): Promise<void>;
}

const backoffFirstMs = 500;
const backoffMaxMs = 30_000;
/** A part that ran this long was healthy: the wait before the next restart is short again. */
const healthyMs = 60_000;

/**
 * Starts a part and restarts it whenever it ends, with a growing wait while it keeps ending. If the first start fails,
 * the error goes to the caller and nothing is supervised.
 */
export async function supervise<Part extends RunningPart>(
  input: SuperviseInput<Part>,
): Promise<Supervised<Part>> {
  const first = await input.start();
  const stopping = new AbortController();
  let current: Part = first;
  const keep = async (): Promise<void> => {
    let backoffMs = backoffFirstMs;
    for (;;) {
      const startedAt = Date.now();
      const how = await current.exited;
      if (stopping.signal.aborted) return;
      backoffMs = Date.now() - startedAt > healthyMs ? backoffFirstMs : backoffMs;
      input.printLine(`${input.name} ${how}; starting it again in ${backoffMs} ms`);
      const next = await startAgain(input, stopping.signal, backoffMs);
      if (next === undefined) return;
      current = next;
      backoffMs = Math.min(backoffMs * 2, backoffMaxMs);
    }
  };
  const kept = keep();
  return {
    first,
    stop: async () => {
      stopping.abort();
      await current.stop();
      await kept;
    },
  };
}

async function startAgain<Part extends RunningPart>(
  input: SuperviseInput<Part>,
  signal: AbortSignal,
  firstWaitMs: number,
): Promise<Part | undefined> {
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, backoffMaxMs)) {
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return undefined;
    try {
      return await orAborted(input.start(), signal);
    } catch (error) {
      input.printLine(
        `${input.name} did not start: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}

/**
 * Does not wait for a start that is aborted, since it may take minutes. A part that starts after that is stopped at once.
 *
 * @returns undefined if the signal was aborted first
 */
async function orAborted<Part extends RunningPart>(
  starting: Promise<Part>,
  signal: AbortSignal,
): Promise<Part | undefined> {
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const part = await Promise.race([starting, aborted]);
  if (part === undefined) {
    void starting.then(
      (late) => late.stop(),
      () => undefined,
    );
  }
  return part;
}
