import { createRutterClient } from '../../src/clients/rutter/client.js';
import {
  seedConnection,
  seedFeed,
  type SeededFeed,
  type SeedTarget,
} from '../../test/support/rutter/seed-feed.js';
import type { Stack } from './stack.js';

/** Before the first posting. */
const startDate = '2024-01-01T00:00:00.000Z';
/** Twice as many would exceed the sandbox's limit of 500 requests in 10 s. */
const connectionsAtOnce = 5;

/**
 * Creates connections with new feeds, directly in the tables and at the sandbox: the test does not include publishing.
 */
export async function makeFeeds(
  stack: Stack,
  input: { connections: number; feedsEach: number },
): Promise<SeededFeed[]> {
  const client = createRutterClient({
    baseUrl: `${stack.rutterUrl}/versioned`,
    ...stack.credentials,
    version: '2024-08-31',
    limiter: { acquire: () => Promise.resolve(), slowDown: () => Promise.resolve() },
  });
  const target: SeedTarget = {
    pool: stack.pool,
    keyring: stack.keyring,
    client,
    selectAccount: (account) => stack.rutter.selectAccount(account),
  };
  const feeds: SeededFeed[] = [];
  for (let made = 0; made < input.connections; made += connectionsAtOnce) {
    const count = Math.min(connectionsAtOnce, input.connections - made);
    const some = Array.from({ length: count }, () => seedFeedsOnConnection(target, input.feedsEach));
    feeds.push(...(await Promise.all(some)).flat());
  }
  return feeds;
}

async function seedFeedsOnConnection(target: SeedTarget, count: number): Promise<SeededFeed[]> {
  const connection = await seedConnection(target);
  const feeds: SeededFeed[] = [];
  while (feeds.length < count) feeds.push(await seedFeed(target, { connection, startDate }));
  return feeds;
}
