import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { reviewAlerts } from '../../src/db/alerts.js';
import { announceAlerts } from '../../src/db/announce-alerts.js';
import { dbChannels } from '../../src/db/channels.js';
import { createPool, type Pool } from '../../src/db/pool.js';
import { channelIds, type ChannelId } from '../../src/domain/channel.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool(database.url, 2, () => undefined);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function review(configuredChannels: readonly ChannelId[]): Promise<Record<string, unknown>[]> {
  expect(
    await reviewAlerts(pool, dbChannels, { feedSyncIntervalMs: 86_400_000, configuredChannels }),
  ).toEqual([]);
  const { rows } = await pool.query<Record<string, unknown>>(
    `SELECT code, subject, detail FROM alerts WHERE ended_at IS NULL ORDER BY code, subject`,
  );
  return rows;
}

it('reports the open work of a channel without configuration in one alert, and its own alerts again once it is configured', async () => {
  expect(await review(['rutter'])).toEqual([]);
  const onboardings = [randomUUID(), randomUUID()].sort();
  for (const onboardingId of onboardings) {
    await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Customer')`, [onboardingId]);
    await pool.query(
      `INSERT INTO sage_onboardings (onboarding_id, customer_id, kind, request, terms_accepted_at, state, reason)
       VALUES ($1::uuid, $1::text, 'cloud', '{}', now(), 'in_doubt', 'answer_lost')`,
      [onboardingId],
    );
  }
  const stuck = onboardings.map((subject) => ({ code: 'onboarding_stuck', subject }));
  expect(await review(channelIds)).toMatchObject(stuck);
  expect(await review(['rutter'])).toEqual([
    {
      code: 'channel_not_configured',
      subject: 'sage-banking',
      detail: { channel: 'sage-banking', open: 2, count: 2 },
    },
  ]);
  expect(await review(channelIds)).toMatchObject(stuck);
  const raised: string[] = [];
  await announceAlerts(pool, {
    raised: ({ code }) => void raised.push(code),
    ended: () => undefined,
    manyRaised: () => undefined,
    manyEnded: () => undefined,
  });
  expect(raised).toContain('channel_not_configured');
});
