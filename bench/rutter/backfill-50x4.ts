import type { BenchCase } from './bench-case.js';
import { compareBackfill } from './compare-backfill.js';

/** Fifty customers come at once: the regime in which two cores are shared by many delivery_locks. */
export const backfill50x4: BenchCase = {
  name: 'backfill-50x4',
  about: '50 feeds x 4 full batches, P 300 ms, J 2 s, against the plain loop without durability',
  run: (context) =>
    compareBackfill(context, { feeds: 50, batchesEach: 4, postLatencyMs: 300, jobRunMs: 2_000 }),
};
