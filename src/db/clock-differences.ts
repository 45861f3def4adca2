import { isClockOff } from '../domain/clock-difference.js';
import type { AlertCondition } from './channel.js';
import { isoText, type Queryable } from './pool.js';

/** A process writes its row every minute while the clock is off: one of this age is over. */
const renewedWithin = `interval '5 minutes'`;
const deletedAfter = `interval '1 day'`;

/** How far the clock of a part is ahead of the database's (negative: behind). */
export interface PartClock {
  readonly part: string;
  readonly differenceMs: number;
}

/** Stores the clocks that are off, and removes what is stored of the others. */
export async function recordClocks(db: Queryable, clocks: readonly PartClock[]): Promise<void> {
  const off = clocks.filter(({ differenceMs }) => isClockOff(differenceMs));
  await db.query(
    `WITH right_again AS (
       DELETE FROM clock_differences
        WHERE (part = ANY ($1::text[]) AND part <> ALL ($2::text[])) OR measured_at < now() - ${deletedAfter}
     )
     INSERT INTO clock_differences AS c (part, difference_ms)
     SELECT * FROM unnest($2::text[], $3::bigint[])
     ON CONFLICT (part) DO UPDATE SET difference_ms = excluded.difference_ms, measured_at = now(),
       first_at = CASE WHEN c.measured_at > now() - ${renewedWithin} THEN c.first_at ELSE now() END`,
    [
      clocks.map(({ part }) => part),
      off.map(({ part }) => part),
      off.map(({ differenceMs }) => Math.round(differenceMs)),
    ],
  );
}

/** One alert for each part whose clock is off. In whole seconds, so that it is not written again every minute. */
export const clockAlertConditions: readonly AlertCondition[] = [
  {
    code: 'clock_off',
    takesInterval: false,
    sql: `SELECT 'clock/' || part AS subject, NULL::uuid AS feed_id, NULL::uuid AS connection_id,
                 NULL::text AS customer_id,
                 jsonb_build_object('part', part, 'difference_seconds', round(difference_ms / 1000.0)::bigint,
                                    'since', ${isoText('first_at')}) AS detail
            FROM clock_differences WHERE measured_at > now() - ${renewedWithin}`,
  },
];
