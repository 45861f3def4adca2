import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import { createRutterClient } from '../../../src/clients/rutter/client.js';
import { createRateLimiter, type RateLimiter } from '../../../src/db/rate-limiter.js';
import {
  createDeliveryFixture,
  postingsFrom,
  sandboxCredentials,
} from '../../support/rutter/delivery-fixture.js';
import type { DeliveryFeed, DeliveryFixture } from '../../support/rutter/delivery-fixture.js';
import { startTcpProxy, type ProxyMode, type TcpProxy } from '../../support/tcp-proxy.js';

/*
 * A network that connects to Rutter but is unusable. Every request times out and releases what it held: its delivery
 * run, its delivery lock, its connection to PostgreSQL and its turn of the limiter.
 */

const requestTimeoutMs = 1_000;
/** Time limit of a delivery run: its one request, and a reserve for a busy machine. */
const deliveryRunEndsMs = 10_000;
const startDate = '2026-03-01T00:00:00Z';
/** More than the burst of the limiter: if each lost its turn for good, the next request would wait. */
const deliveryRunsLost = 25;

let fixture: DeliveryFixture;
let proxy: TcpProxy;
let limiter: RateLimiter;
let proxiedDeps: ActivityDeps;
beforeAll(async () => {
  fixture = await createDeliveryFixture();
  const baseUrl = new URL(fixture.sandbox.apiUrl);
  proxy = await startTcpProxy({ targetPort: Number(baseUrl.port) });
  baseUrl.port = String(proxy.port);
  limiter = createRateLimiter({ pool: fixture.pool, name: 'slow-network' });
  const timeouts = { postTransactionsMs: requestTimeoutMs, otherMs: requestTimeoutMs };
  const rutter = createRutterClient({
    ...sandboxCredentials,
    baseUrl: baseUrl.href,
    version: '2024-08-31',
    limiter,
    timeouts,
  });
  proxiedDeps = { ...fixture.deps, rutter };
});
afterAll(async () => {
  await proxy.close();
  await fixture.close();
});

async function failedDeliveryRun(feed: DeliveryFeed): Promise<void> {
  const startedMs = performance.now();
  const error = await fixture.deliveryRun(feed, { deps: proxiedDeps }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error, 'a delivery run without an answer').toMatchObject({ kind: 'outcome_unknown' });
  expect(performance.now() - startedMs).toBeLessThan(deliveryRunEndsMs);
}

async function expectNothingHeld(): Promise<void> {
  const { rows } = await fixture.pool.query('SELECT 1 FROM delivery_locks WHERE holder IS NOT NULL');
  expect(rows).toEqual([]);
  expect([fixture.pool.waitingCount, fixture.pool.totalCount - fixture.pool.idleCount]).toEqual([0, 0]);
}

it.each<[string, ProxyMode]>([
  ['delays every answer beyond the time-out', { kind: 'delay', delayMs: 3 * requestTimeoutMs }],
  ['transfers one byte per second', { kind: 'trickle', bytesPerSecond: 1 }],
  ['drops all data', { kind: 'swallow' }],
])(
  'a network that %s makes each request time out and release everything; afterwards all is delivered once',
  async (_name, mode) => {
    const feed = await fixture.makeFeed({ startDate });
    const sent = postingsFrom({ from: '2026-03-02T00:00:00Z', count: 30 });
    await fixture.addPostings(feed, sent);
    proxy.setMode(mode);
    await failedDeliveryRun(feed);
    await failedDeliveryRun(feed);
    await expectNothingHeld();
    proxy.setMode({ kind: 'pass' });

    expect((await fixture.deliveryRun(feed, { deps: proxiedDeps })).outcome).toBe('caught_up');
    expect((await fixture.book(feed)).map((booked) => booked.transaction_id)).toEqual(
      sent.map(({ id }) => id),
    );
    const keys = await fixture.pool.query(
      'SELECT 1 FROM attempts JOIN batches USING (batch_id) WHERE feed_id = $1',
      [feed.feedId],
    );
    expect(keys.rowCount, 'one key for all its POSTs').toBe(1);
    expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
  },
);

it('turns of the limiter that failed requests used do not delay later ones', async () => {
  const feeds = await Promise.all(
    Array.from({ length: deliveryRunsLost }, () => fixture.makeFeed({ startDate })),
  );
  for (const feed of feeds) {
    await fixture.addPostings(feed, postingsFrom({ from: '2026-03-02T00:00:00Z', count: 1 }));
  }
  proxy.setMode({ kind: 'swallow' });
  await Promise.all(feeds.map(failedDeliveryRun));
  await expectNothingHeld();
  proxy.setMode({ kind: 'pass' });
  const startedMs = performance.now();
  await limiter.acquire({ priority: 'delivery' });
  expect(performance.now() - startedMs).toBeLessThan(requestTimeoutMs);
  for (const feed of feeds)
    expect((await fixture.deliveryRun(feed, { deps: proxiedDeps })).outcome).toBe('caught_up');
});
