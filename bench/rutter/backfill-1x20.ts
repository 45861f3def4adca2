import type { BenchCase } from './bench-case.js';
import { compareBackfill } from './compare-backfill.js';

/** One feed with a long past and a quick provider: whatever we add to a batch shows twenty times. */
export const backfill1x20: BenchCase = {
  name: 'backfill-1x20',
  about: '1 feed x 20 full batches, P 300 ms, J 200 ms, against the plain loop without durability',
  run: (context) =>
    compareBackfill(context, { feeds: 1, batchesEach: 20, postLatencyMs: 300, jobRunMs: 200 }),
};
