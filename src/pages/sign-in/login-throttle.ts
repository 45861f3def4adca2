import { isIPv6 } from 'node:net';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { sha256Hex } from '../../crypto/hash.js';
import type { Pool } from '../../db/pool.js';

/** Failures of one username before every further attempt must wait. */
const freeFailures = 5;
const failureWindowSeconds = 24 * 60 * 60;
/** The first wait, doubled with each further failure up to the longest: at most about a hundred attempts a day. */
const firstWaitSeconds = 30;
const longestWaitSeconds = 15 * 60;
/** Failures of one network over all usernames: an office behind one address causes some, password spraying many. */
const sourceFailures = 50;
const sourceWindowSeconds = 15 * 60;

export type Admission =
  | {
      readonly admitted: true;
      /** The password was right: the attempt does not count, and the failures of the username are cleared. */
      forgive(): Promise<void>;
      /** The password was not checked: only this attempt is not counted. */
      takeBack(): Promise<void>;
    }
  | { readonly admitted: false; readonly retryAfterMs: number };

/** Admits an attempt to sign in, or says how long to wait. */
export interface LoginThrottle {
  admit(input: { username: string; source: string }): Promise<Admission>;
}

/**
 * Counts attempts in PostgreSQL, for all processes together. An attempt is counted *before* its password is hashed, and
 * uncounted if it was right, so a thousand attempts at once cannot all be admitted before the first failure is known.
 * Unknown usernames are counted like others, so that answers do not reveal which ones exist. The library names its
 * statements; without the names none is prepared in a session, which a pooler in transaction mode does not keep.
 */
export function createLoginThrottle(pool: Pool): LoginThrottle {
  const store = {
    storeClient: {
      query: ({ text, values }: { text: string; values: unknown[] }) => pool.query(text, values),
    },
    storeType: 'pool',
    tableName: 'login_throttle',
    tableCreated: true,
    clearExpiredByTimeout: false,
  };
  const failures = new RateLimiterPostgres({
    ...store,
    // Removes the expired rows of all three, which share the table.
    clearExpiredByTimeout: true,
    keyPrefix: 'user-failures',
    points: freeFailures,
    duration: failureWindowSeconds,
  });
  const waits = new RateLimiterPostgres({
    ...store,
    keyPrefix: 'user-wait',
    points: 1,
    duration: firstWaitSeconds,
  });
  const sources = new RateLimiterPostgres({
    ...store,
    keyPrefix: 'source',
    points: sourceFailures,
    duration: sourceWindowSeconds,
  });

  /** Admits one of the free attempts, or the one after each wait: null. Otherwise answers the wait in ms. */
  async function admitUser(key: string): Promise<number | null> {
    const before = (await failures.get(key))?.consumedPoints ?? 0;
    if (before < freeFailures) {
      const taken = await consume(failures, key);
      // The last free attempt starts the first wait.
      if (taken.admitted && taken.consumedPoints === freeFailures) {
        await consume(waits, key, firstWaitSeconds);
      }
      if (taken.admitted) return null;
      // Concurrent requests took the last free attempts; `consume` counted this one, so uncount it.
      await failures.reward(key);
    }
    const wait = await consume(waits, key, waitSeconds(before));
    if (!wait.admitted) return wait.msBeforeNext;
    await failures.penalty(key);
    return null;
  }

  return {
    async admit({ username, source }) {
      const userKey = sha256Hex(username.normalize('NFKC').toLowerCase());
      const sourceKey = networkOf(source);
      const fromSource = await consume(sources, sourceKey);
      if (!fromSource.admitted) return { admitted: false, retryAfterMs: fromSource.msBeforeNext };
      const waitMs = await admitUser(userKey);
      if (waitMs !== null) return { admitted: false, retryAfterMs: waitMs };
      const takeBackSource = () => sources.reward(sourceKey);
      return {
        admitted: true,
        forgive: async () => {
          await Promise.all([failures.delete(userKey), waits.delete(userKey), takeBackSource()]);
        },
        takeBack: async () => {
          await Promise.all([failures.reward(userKey), waits.delete(userKey), takeBackSource()]);
        },
      };
    },
  };
}

/** Wait after so many failures: 30 s after the fifth, then doubling, 15 minutes at most. */
export function waitSeconds(failedTimes: number): number {
  const doublings = Math.max(0, failedTimes - freeFailures);
  return Math.min(longestWaitSeconds, firstWaitSeconds * 2 ** Math.min(doublings, 16));
}

/** Counts one attempt. The library rejects with its result beyond the limit, and with an error when the store fails. */
async function consume(
  limiter: RateLimiterPostgres,
  key: string,
  windowSeconds?: number,
): Promise<{ admitted: boolean; consumedPoints: number; msBeforeNext: number }> {
  try {
    const options = windowSeconds === undefined ? {} : { customDuration: windowSeconds };
    const result = await limiter.consume(key, 1, options);
    return { admitted: true, consumedPoints: result.consumedPoints, msBeforeNext: result.msBeforeNext };
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    return { admitted: false, consumedPoints: error.consumedPoints, msBeforeNext: error.msBeforeNext };
  }
}

/** An IPv4 address, or the /64 of an IPv6 one: a single subscriber has all of its addresses. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.toLowerCase().replace(/%.*$/, '').split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0');
  const groups = [...first, ...(tail === undefined ? [] : zeros), ...last];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
