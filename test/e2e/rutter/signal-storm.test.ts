import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSignalFixture, type SignalFixture } from '../../support/rutter/signal-fixture.js';
import { until } from '../../support/until.js';

/* Many signals at once, on a real server. Thousands of them: `test/verify/rutter/signal-storms.test.ts`. */

let fixture: SignalFixture;
beforeAll(async () => {
  fixture = await createSignalFixture();
});
afterAll(() => fixture.close());

it('three hundred signals start a feed without a workflow once, and miss no posting', async () => {
  const feed = fixture.makeFeed();
  await fixture.storm(feed, 300);
  await fixture.untilDelivered(feed);
  await until(async () => (await fixture.runsOf(feed)).length === 1, {
    timeoutMs: 120_000,
    describe: 'one run is listed',
  });
  expect(feed.deliveryRuns).toBeLessThan(100);
});
