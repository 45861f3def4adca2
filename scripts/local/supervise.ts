import { setTimeout as delay } from 'node:timers/promises';
import type { Say } from './local-failure.js';
import type { RunningPart } from './running-part.js';

export interface SuperviseInput<Part extends RunningPart> {
  name: string;
  /** Starts it and completes when it is ready. */
  start: () => Promise<Part>;
  say: Say;
}

export interface Supervised<Part extends RunningPart> {
  /** As it was started first. */
  first: Part;
  /** Ends it and does not start it again. */
  stop(): Promise<void>;
}

const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 30_000;
/** What ran this long is taken for healthy: its next end begins with a short wait again. */
const HEALTHY_MS = 60_000;

/**
 * Starts a part and starts it again whenever it ends, waiting longer each time while it keeps ending. The first start
 * is the caller's: when it fails, nothing is supervised.
 */
export async function supervise<Part extends RunningPart>(
  input: SuperviseInput<Part>,
): Promise<Supervised<Part>> {
  const first = await input.start();
  const stopping = new AbortController();
  let current: Part = first;
  const keep = async (): Promise<void> => {
    let backoffMs = BACKOFF_FIRST_MS;
    for (;;) {
      const startedAt = Date.now();
      const how = await current.exited;
      if (stopping.signal.aborted) return;
      backoffMs = Date.now() - startedAt > HEALTHY_MS ? BACKOFF_FIRST_MS : backoffMs;
      input.say(`${input.name} ${how}; starting it again in ${backoffMs} ms`);
      const next = await startAgain(input, stopping.signal, backoffMs);
      if (next === undefined) return;
      current = next;
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
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
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, BACKOFF_MAX_MS)) {
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return undefined;
    try {
      return await orAborted(input.start(), signal);
    } catch (error) {
      input.say(`${input.name} did not start: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/**
 * A start may take minutes; who stops does not wait for it. What comes up after that is stopped at once.
 *
 * @returns undefined when the signal came first
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
