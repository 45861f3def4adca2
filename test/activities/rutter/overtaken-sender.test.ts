import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { recordFailure } from '../../../src/activities/rutter/delivery/record-failure.js';
import { recordCaughtUp } from '../../../src/db/rutter/feed-facts.js';
import { readFeed, type FeedRow } from '../../../src/db/rutter/feeds.js';
import { createDeliveryFixture, type DeliveryFixture } from '../../support/rutter/delivery-fixture.js';

let fixture: DeliveryFixture;
beforeAll(async () => (fixture = await createDeliveryFixture()));
afterAll(() => fixture.close());

async function rowOf(feedId: string): Promise<FeedRow> {
  const row = await readFeed(fixture.pool, { feedId });
  if (row === null) throw new Error('unknown feed');
  return row;
}

it('a sender records its failure, but not on a feed that has caught up since it started', async () => {
  const { feedId } = await fixture.makeFeed();
  const rowAtStart = await rowOf(feedId);
  const fail = () =>
    new MockActivityEnvironment().run(() => recordFailure(fixture, rowAtStart, new Error('x')));
  await fail();
  expect((await rowOf(feedId)).reason).toBe('unexpected_failure');
  await recordCaughtUp(fixture.pool, { feedId, nextSyncAtMs: Date.now() + 1_000 });
  expect((await rowOf(feedId)).reason).toBeNull();
  await fail();
  expect((await rowOf(feedId)).reason).toBeNull();
});
