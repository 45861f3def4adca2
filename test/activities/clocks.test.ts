import { pino } from 'pino';
import type { SessionData } from 'express-session';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { reviewAlerts } from '../../src/db/alerts.js';
import { dbChannels } from '../../src/db/channels.js';
import { recordClocks } from '../../src/db/clock-differences.js';
import { startClockWatch, type ClockWatch, type OtherClock } from '../../src/db/clock-watch.js';
import { createPool, type Pool } from '../../src/db/pool.js';
import { deleteEndedSessions } from '../../src/db/sessions.js';
import { clockCheckEveryMs } from '../../src/domain/clock-difference.js';
import { channelIds } from '../../src/domain/channel.js';
import { SessionStore } from '../../src/pages/session-store.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { until } from '../support/until.js';

/* Clocks that differ from that of PostgreSQL, which is a process of its own. */

const hourMs = 3_600_000;
const soon = { timeoutMs: 30_000, describe: 'the clocks were compared' };
let database: TestDatabase;
let pool: Pool;
const watches: ClockWatch[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool(database.url, 4, () => undefined);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  await pool.query(`DELETE FROM clock_differences`);
  await pool.query(`DELETE FROM alerts`);
});
afterEach(() => {
  vi.useRealTimers();
  for (const watch of watches.splice(0)) watch.stop();
});

/** Sets `Date` of this process ahead by `offsetMs`. */
function jumpBy(offsetMs: number): void {
  const now = performance.timeOrigin + performance.now() + offsetMs;
  vi.useFakeTimers({ toFake: ['Date'], now, shouldAdvanceTime: false });
}

async function stored(): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ part: string; ms: number }>(
    `SELECT part, difference_ms::float8 AS ms FROM clock_differences`,
  );
  return Object.fromEntries(rows.map(({ part, ms }) => [part, ms]));
}

async function openAlerts(): Promise<{ subject: string; seconds: number }[]> {
  await reviewAlerts(pool, dbChannels, { feedSyncIntervalMs: 1_000, configuredChannels: channelIds });
  const { rows } = await pool.query<{ subject: string; seconds: number }>(
    `SELECT subject, (detail->>'difference_seconds')::int AS seconds FROM alerts
      WHERE code = 'clock_off' AND ended_at IS NULL ORDER BY subject`,
  );
  return rows;
}

function watch(others: OtherClock[] = []): { watch: ClockWatch; lines: () => Record<string, unknown>[] } {
  const written: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void written.push(line) });
  const started = startClockWatch({ pool, self: 'worker@here', others, logger });
  watches.push(started);
  return { watch: started, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

/** A clock that is `aheadMs` ahead of this machine's, of which the database runs on the same. */
function clockAhead(part: string, aheadMs: number): OtherClock {
  return {
    part,
    resolutionMs: 1,
    read: async (steadyNowMs) => {
      const nowMs = steadyNowMs();
      return { beforeMs: nowMs, serverMs: performance.timeOrigin + nowMs + aheadMs, afterMs: nowMs };
    },
  };
}

describe('a clock that is off', () => {
  it.each([hourMs, -hourMs])(
    'of this process, by %i ms, is stored, logged, and an alert',
    async (offsetMs) => {
      jumpBy(offsetMs);
      const { watch: started, lines } = watch();
      const differences = await until(async () => (await stored())['worker@here'], soon);
      expect(Math.abs(differences - offsetMs)).toBeLessThan(2_000);
      expect(await openAlerts()).toEqual([{ subject: 'clock/worker@here', seconds: expect.any(Number) }]);
      expect(lines()).toMatchObject([{ level: 50, msg: 'clock off', part: 'worker@here' }]);
      // The time for all that is shared is that of the database.
      expect(Math.abs(started.nowMs() + offsetMs - Date.now())).toBeLessThan(5_000);
    },
  );

  it('of another part is stored, one within the limit is not', async () => {
    watch([clockAhead('temporal', hourMs), clockAhead('rutter', -6_500), clockAhead('sage-banking', 3_500)]);
    await until(async () => Object.keys(await stored()).length > 0, soon);
    expect(Object.keys(await stored()).toSorted()).toEqual(['rutter', 'temporal']);
    expect(await openAlerts()).toMatchObject([
      { subject: 'clock/rutter' },
      { subject: 'clock/temporal', seconds: 3_600 },
    ]);
  });

  it('that is right again, or whose process is gone for five minutes, ends its alert', async () => {
    const parts = ['api@a', 'api@b', 'api@c'];
    await recordClocks(
      pool,
      parts.map((part) => ({ part, differenceMs: 60_000 })),
    );
    expect(await openAlerts()).toHaveLength(3);
    await recordClocks(pool, [{ part: 'api@a', differenceMs: 5_000 }]);
    await pool.query(
      `UPDATE clock_differences SET measured_at = now() - interval '301 seconds' WHERE part = 'api@b'`,
    );
    expect(await openAlerts()).toMatchObject([{ subject: 'clock/api@c' }]);
  });

  it('of a part that does not answer changes nothing', async () => {
    await recordClocks(pool, [{ part: 'temporal', differenceMs: 60_000 }]);
    const before = await stored();
    jumpBy(hourMs);
    watch([{ part: 'temporal', resolutionMs: 1, read: () => Promise.reject(new Error('away')) }]);
    await until(async () => (await stored())['worker@here'], soon);
    expect(await stored()).toMatchObject(before);
  });

  it('is not begun while one hangs, and goes on afterwards', async () => {
    await recordClocks(pool, [{ part: 'worker@here', differenceMs: 60_000 }]);
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const waiting: (() => void)[] = [];
    let reads = 0;
    const read = () =>
      new Promise<null>((resolve) => {
        reads += 1;
        waiting.push(() => resolve(null));
      });
    watch([{ part: 'temporal', resolutionMs: 1, read }]);
    await until(() => reads === 1, soon);
    vi.advanceTimersByTime(3 * clockCheckEveryMs);
    waiting[0]?.();
    // Stored before, and found right: the first comparison is over.
    await until(async () => (await stored())['worker@here'] === undefined, soon);
    await until(
      () => {
        vi.advanceTimersByTime(clockCheckEveryMs);
        return reads > 1;
      },
      { timeoutMs: 30_000, describe: 'the clocks were compared again' },
    );
    expect(reads).toBe(2);
    for (const release of waiting) release();
  });
});

describe('the session of a browser', () => {
  const store = () => new SessionStore(pool, 1_800);
  const get = (sessionId: string) =>
    new Promise((resolve, reject) =>
      store().get(sessionId, (error, session) =>
        error === null ? resolve(session) : reject(new Error('the session store failed')),
      ),
    );
  const set = (sessionId: string) =>
    new Promise<void>((resolve, reject) =>
      store().set(sessionId, { formToken: sessionId } as SessionData, (error) =>
        error === undefined ? resolve() : reject(new Error('the session store failed')),
      ),
    );

  it.each([hourMs, -hourMs])(
    'is neither ended nor deleted by a process that is off by %i ms',
    async (offsetMs) => {
      await set('others');
      jumpBy(offsetMs);
      expect(await get('others')).toEqual({ formToken: 'others' });
      expect(await deleteEndedSessions(pool)).toBe(0);
      await set('own');
      vi.useRealTimers();
      expect(await get('own')).toEqual({ formToken: 'own' });
    },
  );

  it('ends by the clock of the database, and is then deleted', async () => {
    await set('old');
    await pool.query(`UPDATE sessions SET expire = now() - interval '1 second' WHERE sid = 'old'`);
    expect(await get('old')).toBeNull();
    expect(await deleteEndedSessions(pool)).toBe(1);
  });

  it('is extended by a request, and ends when it is destroyed', async () => {
    await set('used');
    await pool.query(`UPDATE sessions SET expire = now() + interval '1 second' WHERE sid = 'used'`);
    await new Promise<void>((resolve) => store().touch('used', {} as SessionData, () => resolve()));
    const { rows } = await pool.query<{ left: number }>(
      `SELECT extract(epoch FROM expire - now())::float8 AS left FROM sessions WHERE sid = 'used'`,
    );
    expect(rows[0]?.left).toBeGreaterThan(1_790);
    await new Promise<void>((resolve) => store().destroy('used', () => resolve()));
    expect(await get('used')).toBeNull();
  });
});
