import { setTimeout as sleep } from 'node:timers/promises';
import { isDatabaseUnavailable } from '../db/unavailable.js';

const retryAfterMs = 500;

/**
 * Stores an answer that the provider does not give twice, so that a short outage of the database does not lose it.
 * `store` may be repeated.
 *
 * @throws the last error after `withinMs`; at once any error other than an unavailable database
 */
export async function untilStored<T>(
  store: () => Promise<T>,
  { withinMs }: { withinMs: number },
): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    try {
      return await store();
    } catch (error) {
      if (!isDatabaseUnavailable(error) || performance.now() > deadlineMs) throw error;
      await sleep(retryAfterMs);
    }
  }
}
