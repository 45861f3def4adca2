import { Counter, type Registry } from 'prom-client';
import type { Pool } from '../../db/pool.js';
import { readHandoffCounts } from '../../db/rutter/handoff-counts.js';
import { handoffReasons, outcomeOfReason } from '../../domain/rutter/handoff-end.js';

/** All label values there are; each is shown from the beginning, so that a first failure is an increase. */
const labels = [
  { outcome: 'completed', reason: '' },
  { outcome: 'superseded', reason: '' },
  ...handoffReasons.map((reason) => ({ outcome: outcomeOfReason(reason), reason })),
];

/**
 * Handoffs that have ended, by outcome and reason, since the beginning. They end in workers and in any API process, so
 * they are counted in the database: every process answers the same values. Without the database there are none.
 */
export function observeHandoffs({ registry, pool }: { registry: Registry; pool: Pool }): void {
  new Counter({
    name: 'bankfeeds_handoffs_total',
    help: 'Logins from Sage that have ended, by outcome and by the reason of those that failed',
    labelNames: ['outcome', 'reason'],
    registers: [registry],
    async collect() {
      this.reset();
      const counts = await readHandoffCounts(pool).catch(() => null);
      if (counts === null) return;
      for (const label of labels) {
        const found = counts.find(
          ({ outcome, reason }) => outcome === label.outcome && reason === label.reason,
        );
        this.inc(label, found?.count ?? 0);
      }
    },
  });
}
