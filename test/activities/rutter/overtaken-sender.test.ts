import { afterAll, beforeAll, expect, it } from 'vitest';
import { noteTrouble } from '../../../src/activities/rutter/delivery/record-failure.js';
import { recordCaughtUp } from '../../../src/db/rutter/feed-facts.js';
import { readFeed, type FeedRow } from '../../../src/db/rutter/feeds.js';
import { createDeliveryWorld, type DeliveryWorld } from '../../support/rutter/delivery-fixture.js';

let world: DeliveryWorld;
beforeAll(async () => (world = await createDeliveryWorld()));
afterAll(() => world.close());

async function rowOf(feedId: string): Promise<FeedRow> {
  const row = await readFeed(world.pool, { feedId });
  if (row === null) throw new Error('no such feed');
  return row;
}

it('a sender that was overtaken leaves no trouble on a feed that has caught up since; one that was not does', async () => {
  const { feedId } = await world.makeFeed();
  const began = await rowOf(feedId);
  await noteTrouble(world, began, new Error('x'));
  expect((await rowOf(feedId)).reason).toBe('unexpected_failure');
  await recordCaughtUp(world.pool, { feedId, nextSyncAtMs: Date.now() + 1_000 });
  expect((await rowOf(feedId)).reason).toBeNull();
  await noteTrouble(world, began, new Error('x'));
  expect((await rowOf(feedId)).reason).toBeNull();
});
