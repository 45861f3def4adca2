import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { countRefusedLinks, recordRefusedLink, type RefusedLink } from '../../db/rutter/handoff-ends.js';
import type { Pool } from '../../db/pool.js';
import { networkOf } from '../sign-in/login-throttle.js';

/** Rows of one problem in an hour, of one process: enough to see what is wrong, and far from filling a disk. */
const rowsMax = 200;
const rowsOfNetworkMax = 20;
const rowsWindowSeconds = 60 * 60;
/** So many links without a row are counted in one statement: each takes the lock of the row that all ends share. */
export const countedAtOnce = 100;

export interface RefusedLinks {
  /** Records a link from the address `source` in a row, or only counts it, which may wait for some further ones. */
  record(input: RefusedLink & { readonly source: string }): Promise<void>;
}

/**
 * Anybody can send links that are refused, so how much they write is limited, for each network and for all together; for
 * each problem, since scanned links without parameters must not hide those with a foreign redirect.
 */
export function createRefusedLinks(pool: Pool): RefusedLinks {
  const ofAll = new RateLimiterMemory({ points: rowsMax, duration: rowsWindowSeconds });
  const ofNetwork = new RateLimiterMemory({ points: rowsOfNetworkMax, duration: rowsWindowSeconds });
  /** Since the last statement. A process that ends forgets them. */
  let uncounted = 0;

  const takeRow = async (problem: string, source: string): Promise<boolean> => {
    // Looked at first, so that no more networks are remembered than there are rows.
    if (((await ofAll.get(problem))?.consumedPoints ?? 0) >= rowsMax) return false;
    return (await take(ofNetwork, `${problem} ${networkOf(source)}`)) && (await take(ofAll, problem));
  };

  return {
    record: async ({ source, ...link }) => {
      uncounted += 1;
      const hasRow = await takeRow(link.problem, source);
      if (!hasRow && uncounted < countedAtOnce) return;
      const count = uncounted;
      uncounted = 0;
      try {
        await (hasRow ? recordRefusedLink(pool, { ...link, count }) : countRefusedLinks(pool, count));
      } catch (error) {
        uncounted += count;
        throw error;
      }
    },
  };
}

async function take(limiter: RateLimiterMemory, key: string): Promise<boolean> {
  try {
    await limiter.consume(key);
    return true;
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    return false;
  }
}
