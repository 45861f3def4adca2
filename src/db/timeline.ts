import type { Queryable } from './pool.js';
import { storableJson } from './storable-json.js';

/** Ids of postings that an entry about many names at the most; it has the exact count. */
export const timelineIdsMax = 100;

/** One event, for display. `detail` holds ids, counts and provider codes; never names or secrets. */
export interface TimelineEntry {
  readonly kind: string;
  readonly customerId?: string | null;
  readonly connectionId?: string | null;
  readonly feedId?: string | null;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Writes a timeline row. Call it in the transaction of the change that it records. */
export async function writeTimeline(db: Queryable, entry: TimelineEntry): Promise<void> {
  await db.query(
    `INSERT INTO timeline (kind, customer_id, connection_id, feed_id, detail) VALUES ($1, $2, $3, $4, $5)`,
    [
      entry.kind,
      entry.customerId ?? null,
      entry.connectionId ?? null,
      entry.feedId ?? null,
      storableJson(entry.detail ?? {}),
    ],
  );
}
