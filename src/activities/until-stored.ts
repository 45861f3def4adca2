import { setTimeout as sleep } from 'node:timers/promises';
import { isDatabaseUnavailable } from '../db/unavailable.js';

const storeAgainAfterMs = 500;

/**
 * Stores an answer that cannot be had a second time: a database that is away for a moment must not cost it. `store` may
 * be repeated. @throws its last error after `withinMs`, and at once what is not the database being away
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
      await sleep(storeAgainAfterMs);
    }
  }
}
