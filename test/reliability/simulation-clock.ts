/*
 * One clock for all parts of a simulation. The time-skipping server skips hours in which nothing happens. Without this
 * clock PostgreSQL, the sandbox and the process of the activities would keep their time: leases would not expire, jobs
 * would not age, and a day would pass for one half of the service only. So whenever the server is ahead, the other parts
 * are moved to its time. They are never moved back. A wait inside an activity moves them too; the server is then behind
 * for a while, which is harmless, since it only receives durations and future times.
 */

/** A smaller difference is the ordinary passing of time and not worth three messages. */
const leapMinMs = 250;

export interface SimulationClock {
  /** The time of every part but the Temporal server, epoch ms. */
  nowMs(): number;
  /** Moves all parts to this time unless it has passed. */
  reach(timeMs: number): Promise<void>;
  /** Lets this much time pass at once. */
  advance(ms: number): Promise<void>;
}

/** `apply` moves the parts to `Date.now() + offsetMs`; calls never overlap. */
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
 * Moves the clock to `$1` ms ahead of real time. The leases of running deliveries, for the feeds of `$2`, are renewed;
 * those of crashed ones expire.
 */
export const moveClockSql = `
  WITH leap AS (SELECT $1 - by_ms AS ms FROM movable_clock.shift), renewed AS (
    UPDATE delivery_locks SET lease_until = lease_until + leap.ms * interval '1 millisecond' FROM leap
     WHERE lease_until >= clock_timestamp()
       AND delivery_lock_id IN (SELECT connection_id::text FROM feeds WHERE feed_id = ANY ($2::uuid[]))
  ) UPDATE movable_clock.shift SET by_ms = $1`;
