/** Calculations of waits that both channels use. */

/** A number in [0, 1) that depends on the text alone (FNV-1a, 32 bits): spreads work that would otherwise start at the same time. */
export function shareOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) / 2 ** 32;
}

/** Doubles from `firstMs` with every further try, never above `maxMs`. `tries` counts from 0. */
export function backoffMs(input: { tries: number; firstMs: number; maxMs: number }): number {
  return Math.min(input.maxMs, input.firstMs * 2 ** Math.min(input.tries, 30));
}

/** How long Temporal waits between two attempts of a delivery run or another activity for which no person waits. */
export const deliverRetryWaits = { firstMs: 1_000, maxMs: 60_000 } as const;
/** Of a check of an account at Sage's Banking Service: every account retries in an outage. */
export const sageCheckRetryWaits = { firstMs: 1_000, maxMs: 180_000 } as const;
