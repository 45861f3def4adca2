import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../domain/schedule.js';
import type { Logger } from '../logger.js';

/** EX_UNAVAILABLE of sysexits.h: a part that a process waited for did not come in time. Try again later. */
export const unavailableExitCode = 69;

const retry = { firstMs: 250, maxMs: 5_000 };

export interface WaitInput<Result> {
  /** What is waited for, as in a sentence: `PostgreSQL`. */
  readonly part: string;
  readonly attempt: () => Promise<Result>;
  /** Why it is missing and what to do, in one sentence; null when waiting does not help. */
  readonly explain: (error: unknown) => string | null;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
  /** Ends the wait; without it and without `maxMs` the wait has no end. */
  readonly stopping?: AbortSignal;
  readonly maxMs?: number;
}

/** A part did not come within the time that the process waits for it. The message is one sentence. */
export class PartMissing extends Error {
  override readonly name = 'PartMissing';
}

/**
 * Tries until the part is there: start order does not matter. Writes one line when the wait begins, one whenever its cause
 * changes, and one when it ends; none if the part is there at once.
 *
 * @throws PartMissing after `maxMs`, the reason of `stopping` when it is aborted, or an error that waiting does not end
 */
export async function waitForPart<Result>(input: WaitInput<Result>): Promise<Result> {
  const { part, attempt, explain, logger, stopping, maxMs } = input;
  const beganMs = performance.now();
  let lastCause: string | null = null;
  for (let tries = 0; ; tries += 1) {
    try {
      const result = await orStopped(attempt(), stopping);
      if (lastCause !== null)
        logger.info({ part, waitedMs: sinceMs(beganMs) }, 'the wait for a part has ended');
      return result;
    } catch (error) {
      stopping?.throwIfAborted();
      const cause = explain(error);
      if (cause === null) throw error;
      if (maxMs !== undefined && sinceMs(beganMs) >= maxMs) {
        throw new PartMissing(`${part} was waited for during ${Math.round(maxMs / 1_000)} s: ${cause}`, {
          cause: error,
        });
      }
      if (cause !== lastCause) logger.warn({ part, cause }, 'waiting for a part');
      lastCause = cause;
    }
    await orStopped(sleep(backoffMs({ tries, ...retry })), stopping);
  }
}

function sinceMs(beganMs: number): number {
  return Math.round(performance.now() - beganMs);
}

/** Rejects with the reason as soon as `stopping` is aborted: an attempt may have no time limit of its own. */
async function orStopped<Result>(work: Promise<Result>, stopping?: AbortSignal): Promise<Result> {
  if (stopping === undefined) return work;
  let stop: (() => void) | undefined;
  const stopped = new Promise<never>((_, reject) => {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason is what throwIfAborted throws
    stop = () => reject(stopping.reason);
    if (stopping.aborted) stop();
    else stopping.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    if (stop !== undefined) stopping.removeEventListener('abort', stop);
  }
}
