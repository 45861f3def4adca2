import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AlertCondition } from '../../src/db/channel.js';
import { deleteOldAlerts, reviewAlerts } from '../../src/db/alerts.js';
import { announceAlerts } from '../../src/db/announce-alerts.js';
import { dbChannels } from '../../src/db/channels.js';
import { createPool, type Pool } from '../../src/db/pool.js';
import { channelIds } from '../../src/domain/channel.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool(database.url, 4, () => undefined);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  await pool.query(`DELETE FROM alerts`);
});

const feedSyncIntervalMs = 86_400_000;
const configuredChannels = channelIds;

/** A condition that holds for `count` subjects, without real feeds. */
const holdsFor = (code: AlertCondition['code'], count: number): AlertCondition => ({
  code,
  takesInterval: false,
  sql: `SELECT n::text AS subject, NULL::uuid AS feed_id, NULL::uuid AS connection_id, NULL::text AS customer_id,
               '{}'::jsonb AS detail FROM generate_series(1, ${String(count)}) n`,
});
const broken: AlertCondition = {
  ...holdsFor('feed_late', 1),
  sql: holdsFor('feed_late', 1).sql.replace('n::text', '(1 / (n - n))::text'),
};

async function raise(code: string, count: number): Promise<void> {
  await pool.query(
    `INSERT INTO alerts (code, subject) SELECT $1, n::text FROM generate_series(1, $2::int) n`,
    [code, count],
  );
}

async function countOpenAlerts(): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ code: string; count: number }>(
    `SELECT code, count(*)::int AS count FROM alerts WHERE ended_at IS NULL GROUP BY code`,
  );
  return Object.fromEntries(rows.map(({ code, count }) => [code, count]));
}

/** Announces alerts and returns one line for each call. */
async function announce(): Promise<string[]> {
  const lines: string[] = [];
  await announceAlerts(pool, {
    raised: ({ code }) => void lines.push(`raised ${code}`),
    ended: ({ code }) => void lines.push(`ended ${code}`),
    manyRaised: ({ code, count }) => void lines.push(`raised ${code} x ${String(count)}`),
    manyEnded: ({ code, count }) => void lines.push(`ended ${code} x ${String(count)}`),
  });
  return lines;
}

describe('a review', () => {
  it('completes within its statement limits with 200,000 open alerts of one code, without table statistics', async () => {
    await raise('failure_persists', 200_000);
    const conditions = [holdsFor('failure_persists', 200_000), holdsFor('credentials_rejected', 1)];
    expect(
      await reviewAlerts(pool, dbChannels, { feedSyncIntervalMs, configuredChannels, conditions }),
    ).toEqual([]);
    expect(await countOpenAlerts()).toEqual({ failure_persists: 200_000, credentials_rejected: 1 });
    // The condition has ended: the alerts end in portions that fit into a statement.
    expect(
      await reviewAlerts(pool, dbChannels, {
        feedSyncIntervalMs,
        configuredChannels,
        conditions: [holdsFor('failure_persists', 0)],
      }),
    ).toEqual([]);
    expect(await countOpenAlerts()).toEqual({ failure_persists: 150_000, credentials_rejected: 1 });
  });

  it('raises and ends the alerts of all codes except the one whose query fails, and is not recorded as run', async () => {
    await raise('feed_blocked', 2);
    await raise('feed_late', 2);
    await pool.query(`UPDATE repair_tasks SET ran_at = '2026-01-01' WHERE name = 'alerts'`);
    const conditions = [broken, holdsFor('feed_blocked', 1), holdsFor('credentials_rejected', 1)];
    const unreviewed = await reviewAlerts(pool, dbChannels, {
      feedSyncIntervalMs,
      configuredChannels,
      conditions,
    });
    expect(unreviewed).toMatchObject([{ code: 'feed_late', error: { message: 'division by zero' } }]);
    expect(await countOpenAlerts()).toEqual({ feed_late: 2, feed_blocked: 1, credentials_rejected: 1 });
    const ranLongAgo = `SELECT 1 FROM repair_tasks WHERE name = 'alerts' AND ran_at < '2026-01-02'`;
    expect((await pool.query(ranLongAgo)).rows).toHaveLength(1);
    await reviewAlerts(pool, dbChannels, {
      feedSyncIntervalMs,
      configuredChannels,
      conditions: conditions.slice(1),
    });
    expect((await pool.query(ranLongAgo)).rows).toHaveLength(0);
  });
});

describe('announcing', () => {
  it('starts with the urgent codes, puts thousands of late feeds on one line, and reports each alert once', async () => {
    await raise('feed_late', 2_500);
    await raise('failure_persists', 3);
    await raise('feed_blocked', 2);
    await raise('credentials_rejected', 1);
    expect(await announce()).toEqual([
      'raised credentials_rejected',
      ...['raised feed_blocked', 'raised feed_blocked'],
      'raised feed_late x 2500',
      ...['raised failure_persists', 'raised failure_persists', 'raised failure_persists'],
    ]);
    expect(await announce()).toEqual([]);
    await pool.query(`UPDATE alerts SET ended_at = now() WHERE code IN ('feed_late', 'feed_blocked')`);
    expect(await announce()).toEqual(['ended feed_blocked', 'ended feed_blocked', 'ended feed_late x 2500']);
    expect(await announce()).toEqual([]);
  });
});

it('keeps alerts for 90 days after their end, and open alerts without limit', async () => {
  await pool.query(
    `INSERT INTO alerts (code, subject, raised_at, ended_at) VALUES
       ('feed_late', 'old', now() - interval '200 days', now() - interval '91 days'),
       ('feed_late', 'young', now() - interval '200 days', now() - interval '89 days'),
       ('feed_late', 'open', now() - interval '200 days', NULL)`,
  );
  expect(await deleteOldAlerts(pool)).toBe(1);
  const { rows } = await pool.query(`SELECT subject FROM alerts ORDER BY subject`);
  expect(rows).toEqual([{ subject: 'open' }, { subject: 'young' }]);
});
