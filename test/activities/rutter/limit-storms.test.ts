import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRutterClient, type RutterClient } from '../../../src/clients/rutter/client.js';
import { createRateLimiter, type RateLimiter, type RateLimits } from '../../../src/db/rate-limiter.js';
import {
  createDeliveryFixture,
  sandboxCredentials,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

/* Storms of 429 and 452 with the real client and the real limiter, which all processes share in PostgreSQL. */

let fixture: DeliveryFixture;
beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
});

/** Two limiters of one name stand for two processes, since a limiter has no state in its process. */
function limiters(name: string, limits?: RateLimits): [RateLimiter, RateLimiter] {
  const make = () =>
    createRateLimiter({ pool: fixture.pool, name, ...(limits === undefined ? {} : { limits }) });
  return [make(), make()];
}

function clientWith(limiter: RateLimiter): RutterClient {
  return createRutterClient({
    baseUrl: fixture.sandbox.apiUrl,
    ...sandboxCredentials,
    version: '2024-08-31',
    limiter,
  });
}

const probe = (client: RutterClient) => client.getJob({ jobId: randomUUID() });

describe('a rate limit for one sender', () => {
  const cases = [
    { name: '429 without Retry-After', kind: 'rate_limited', retryAfter: undefined, pauseMs: 2_000 },
    { name: '429 with seconds', kind: 'rate_limited', retryAfter: '1', pauseMs: 1_000 },
    { name: '429 with a negative Retry-After', kind: 'rate_limited', retryAfter: '-1', pauseMs: 2_000 },
    { name: '452', kind: 'platform_rate_limited', retryAfter: undefined, pauseMs: 2_000 },
  ];
  it.each(cases)('slows the senders of every process: $name', async ({ name, kind, retryAfter, pauseMs }) => {
    const [one, other] = limiters(name).map(clientWith) as [RutterClient, RutterClient];
    await fixture.control('POST', '/faults', {
      kind,
      times: 1,
      accepted: false,
      ...(retryAfter === undefined ? {} : { retry_after: retryAfter }),
    });
    await expect(probe(one)).rejects.toMatchObject({ kind: 'rate_limited' });
    const startedMs = performance.now();
    // The request reached Rutter, which refuses an unknown job.
    await expect(probe(other)).rejects.toMatchObject({ kind: 'refused' });
    expect(performance.now() - startedMs).toBeGreaterThan(pauseMs - 500);
  });

  it('is capped when it asks for a pause of thirty years', async () => {
    const [one, other] = limiters('absurd').map(clientWith) as [RutterClient, RutterClient];
    await fixture.control('POST', '/faults', { kind: 'rate_limited', times: 1, retry_after: '1000000000' });
    await expect(probe(one)).rejects.toMatchObject({ kind: 'rate_limited', retryAfterMs: 60_000 });
    // The pause is longer than the maximum wait for a turn, so the request is refused at once.
    const refusal = await probe(other).catch((error: unknown) => error as { waitMs?: number });
    expect(refusal).toMatchObject({ kind: 'limiter_saturated' });
    expect((refusal as { waitMs: number }).waitMs).toBeLessThanOrEqual(60_000);
  });
});

it('handoffs keep their reserved rate under a storm of deliveries with a pause every second', async () => {
  const limits = { ratePerSecond: 95, burst: 20, reservedPerSecond: 10, reservedBurst: 5 };
  const [first, second] = limiters('storm', limits);
  const pauseMs = 300;
  const endMs = performance.now() + 5_000;
  const delivered: number[] = [];
  const deliver = async (limiter: RateLimiter): Promise<void> => {
    while (performance.now() < endMs) {
      const requestedMs = performance.now();
      await limiter.acquire({ priority: 'delivery' });
      delivered.push(performance.now() - requestedMs);
    }
  };
  const storm = Array.from({ length: 120 }, (_, index) => deliver(index % 2 === 0 ? first : second));
  const pauses = (async () => {
    while (performance.now() < endMs - 1_000) {
      await first.slowDown({ forMs: pauseMs });
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  })();
  const waited: number[] = [];
  while (performance.now() < endMs - 500) {
    const next = new Promise((resolve) => setTimeout(resolve, 250));
    const requestedMs = performance.now();
    await second.acquire({ priority: 'interactive' });
    waited.push(performance.now() - requestedMs);
    await next;
  }
  await Promise.all([...storm, pauses]);
  const medianMs = delivered.sort((left, right) => left - right)[Math.floor(delivered.length / 2)] ?? 0;
  // 4 per second, within their reserved rate of 10: they wait for pauses and never for deliveries.
  expect(waited.length).toBeGreaterThan(8);
  expect(medianMs).toBeGreaterThan(1_000);
  expect(Math.max(...waited)).toBeLessThan(medianMs);
});
