import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ActivityDeps } from '../../../src/activities/deps.js';
import { createRutterClient } from '../../../src/clients/rutter/client.js';
import { createRateLimiter, type RateLimiter } from '../../../src/db/rate-limiter.js';
import {
  createDeliveryWorld,
  postingsFrom,
  sandboxCredentials,
} from '../../support/rutter/delivery-fixture.js';
import type { DeliveryFeed, DeliveryWorld } from '../../support/rutter/delivery-fixture.js';
import { startTcpProxy, type ProxyMode, type TcpProxy } from '../../support/tcp-proxy.js';

/*
 * A wire between us and Rutter that is there and of no use. Every request has an end, and what it held is free again:
 * its slice, its lane, its connection to PostgreSQL, its turn at the limiter.
 */

const requestTimeoutMs = 1_000;
/** Of a slice: its one request, and some for a busy machine. */
const sliceEndsMs = 10_000;
const startDate = '2026-03-01T00:00:00Z';
/** More than the limiter's burst: had each lost its turn for good, the next one would wait. */
const slicesLost = 25;

let world: DeliveryWorld;
let wire: TcpProxy;
let limiter: RateLimiter;
let wired: ActivityDeps;
beforeAll(async () => {
  world = await createDeliveryWorld();
  const baseUrl = new URL(world.sandbox.apiUrl);
  wire = await startTcpProxy({ targetPort: Number(baseUrl.port) });
  baseUrl.port = String(wire.port);
  limiter = createRateLimiter({ pool: world.pool, name: 'slow-wire' });
  const timeouts = { postTransactionsMs: requestTimeoutMs, otherMs: requestTimeoutMs };
  const rutter = createRutterClient({
    ...{ ...sandboxCredentials, baseUrl: baseUrl.href, version: '2024-08-31', limiter, timeouts },
  });
  wired = { ...world.deps, rutter };
});
afterAll(async () => {
  await wire.close();
  await world.close();
});

async function failedSlice(feed: DeliveryFeed): Promise<void> {
  const startedMs = performance.now();
  const error = await world.slice(feed, { deps: wired }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error, 'a slice that got no answer').toMatchObject({ kind: 'outcome_unknown' });
  expect(performance.now() - startedMs).toBeLessThan(sliceEndsMs);
}

async function expectNothingHeld(): Promise<void> {
  const { rows } = await world.pool.query('SELECT 1 FROM lanes WHERE holder IS NOT NULL');
  expect(rows).toEqual([]);
  expect([world.pool.waitingCount, world.pool.totalCount - world.pool.idleCount]).toEqual([0, 0]);
}

it.each<[string, ProxyMode]>([
  ['delays every answer beyond the time-out', { kind: 'delay', delayMs: 3 * requestTimeoutMs }],
  ['lets one byte a second through', { kind: 'trickle', bytesPerSecond: 1 }],
  ['swallows all', { kind: 'swallow' }],
])(
  'a wire that %s ends each request in time and holds nothing; well again, all arrives once',
  async (_name, mode) => {
    const feed = await world.makeFeed({ startDate });
    const sent = postingsFrom({ from: '2026-03-02T00:00:00Z', count: 30 });
    await world.addPostings(feed, sent);
    wire.setMode(mode);
    await failedSlice(feed);
    await failedSlice(feed);
    await expectNothingHeld();
    wire.setMode({ kind: 'pass' });

    expect((await world.slice(feed, { deps: wired })).outcome).toBe('caught_up');
    expect((await world.book(feed)).map((booked) => booked.transaction_id)).toEqual(sent.map(({ id }) => id));
    const keys = await world.pool.query(
      'SELECT 1 FROM attempts JOIN batches USING (batch_id) WHERE feed_id = $1',
      [feed.feedId],
    );
    expect(keys.rowCount, 'one key for all its POSTs').toBe(1);
    expect(await world.violations()).toMatchObject({ violations: [], resent: [] });
  },
);

it('turns at the limiter that were used for nothing delay nobody afterwards', async () => {
  const feeds = await Promise.all(Array.from({ length: slicesLost }, () => world.makeFeed({ startDate })));
  for (const feed of feeds) {
    await world.addPostings(feed, postingsFrom({ from: '2026-03-02T00:00:00Z', count: 1 }));
  }
  wire.setMode({ kind: 'swallow' });
  await Promise.all(feeds.map(failedSlice));
  await expectNothingHeld();
  wire.setMode({ kind: 'pass' });
  const startedMs = performance.now();
  await limiter.acquire({ lane: 'deliver' });
  expect(performance.now() - startedMs).toBeLessThan(requestTimeoutMs);
  for (const feed of feeds) expect((await world.slice(feed, { deps: wired })).outcome).toBe('caught_up');
});
