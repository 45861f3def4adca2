import { setTimeout as delay } from 'node:timers/promises';

/** A condition that takes longer hangs. */
const hangsMs = 120_000;

export interface UntilOptions {
  /** Only for conditions that take long by themselves: a shorter limit is raised, since the machine may be busy. */
  timeoutMs?: number;
  /** Completes "timed out after … ms waiting until …". */
  describe: string;
  /** Default 50. */
  everyMs?: number;
}

/**
 * Asks again and again until the answer is neither undefined, null nor false, and returns it.
 *
 * @throws Error naming what was waited for, with the last error of the condition as its cause
 */
export async function until<Value>(
  condition: () => Promise<Value> | Value,
  options: UntilOptions,
): Promise<Exclude<Value, undefined | null | false>> {
  const timeoutMs = Math.max(options.timeoutMs ?? 0, hangsMs);
  const deadline = Date.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== null && value !== false) {
        return value as Exclude<Value, undefined | null | false>;
      }
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() >= deadline) {
      const message = `timed out after ${timeoutMs} ms waiting until ${options.describe}`;
      throw new Error(message, { cause: lastError });
    }
    await delay(options.everyMs ?? 50);
  }
}
