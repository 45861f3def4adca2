/*
 * One clock for all parts of the simulation. The time-skipping server leaps over hours in which nothing happens; PostgreSQL,
 * the sandbox and the activities' own process would still be where they were: leases would not run out, jobs would not
 * grow old, and a day would be over for one half of the service only. So whenever the server's time is seen to be
 * ahead, the others are moved to it. They are never moved back, and an activity's wait moves them, too: then the
 * server is behind for a while, which is harmless, since it only ever hears how long to wait, or a time to come.
 */

/** Less than this is the ordinary passing of time, not worth three messages. */
const leapMinMs = 250;

export interface SimulationClock {
  /** What every part but the workflow server takes for the time, epoch ms. */
  nowMs(): number;
  /** Moves all parts to this time, if it is not over yet. */
  reach(timeMs: number): Promise<void>;
  /** Lets this much time pass at once. */
  advance(ms: number): Promise<void>;
}

/** `apply` moves the parts to `Date.now() + offsetMs`; it is never called twice at the same time. */
export function createSimulationClock(apply: (offsetMs: number) => Promise<void>): SimulationClock {
  let offsetMs = 0;
  let applied: Promise<void> = Promise.resolve();
  const nowMs = () => Date.now() + offsetMs;
  const reach = async (timeMs: number): Promise<void> => {
    if (timeMs - nowMs() >= leapMinMs) {
      offsetMs = Math.ceil(timeMs - Date.now());
      applied = applied.then(() => apply(offsetMs));
    }
    await applied;
  };
  return { nowMs, reach, advance: (ms) => reach(nowMs() + ms) };
}

/**
 * Moves the clock to `$1` ms ahead. Whoever is at work on a feed of `$2` lives through that time and renews its lease
 * meanwhile; the leases of the dead run out.
 */
export const moveClockSql = `
  WITH leap AS (SELECT $1 - by_ms AS ms FROM movable_clock.shift), renewed AS (
    UPDATE delivery_locks SET lease_until = lease_until + leap.ms * interval '1 millisecond' FROM leap
     WHERE lease_until >= clock_timestamp()
       AND delivery_lock_id IN (SELECT connection_id::text FROM feeds WHERE feed_id = ANY ($2::uuid[]))
  ) UPDATE movable_clock.shift SET by_ms = $1`;
