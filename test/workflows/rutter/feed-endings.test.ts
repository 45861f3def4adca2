import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeAccount } from '../../../src/db/account-life.js';
import { requestUnlink } from '../../../src/db/rutter/unlink-connection.js';
import { todayIn } from '../../../src/domain/booking-day.js';
import {
  createFeedLifeFixture,
  type FeedLife,
  type FeedLifeFixture,
} from '../../support/rutter/feed-life-fixture.js';
import { until } from '../../support/until.js';

/** How a feed ends without a request of its own, with the real workflows, activities, PostgreSQL and the sandbox. */

let fixture: FeedLifeFixture;
beforeAll(async () => {
  fixture = await createFeedLifeFixture();
});
afterAll(() => fixture.close());

async function withLife(test: (life: FeedLife) => Promise<void>): Promise<void> {
  const life = await fixture.makeLife();
  try {
    await life.postings(2);
    await life.link();
    await life.untilState('live');
    await test(life);
  } finally {
    await life.end();
  }
}

const closeAccountOf = ({ feed: { accountId } }: FeedLife) =>
  closeAccount(fixture.pool, { accountId, todayIn: (zone) => todayIn(zone, Date.now()) });
const untilEnded = (life: FeedLife) =>
  expect.poll(() => life.workflowStatus(), { timeout: 20_000 }).toBe('COMPLETED');

describe('the feed of a closed account', () => {
  it('sends what is left, closes and ends its run; a late posting is sent, and it closes again', async () => {
    await withLife(async (life) => {
      life.holdAnswers();
      await life.postings();
      await life.untilInFlight();
      await closeAccountOf(life);
      await fixture.facade.feedFactsChanged(life.feed);
      expect((await life.row()).state).not.toBe('closed');
      await life.letAnswersGo();
      await life.untilState('closed');
      await untilEnded(life);
      await fixture.addPostings(life.feed, [{ id: 'late', postedAt: '2026-03-01T12:00:00Z' }]);
      await fixture.facade.feedFactsChanged(life.feed);
      await life.untilBooked(4);
      await life.untilState('closed');
      await untilEnded(life);
      expect(await life.bookedIds()).toEqual(['tx-1', 'tx-2', 'tx-3', 'late']);
    });
  });

  it('is live again when the account is opened, without being shared again', async () => {
    await withLife(async (life) => {
      await closeAccountOf(life);
      await fixture.facade.feedFactsChanged(life.feed);
      await life.untilState('closed');
      await untilEnded(life);
      await fixture.pool.query(`UPDATE accounts SET closed_on = NULL WHERE account_id = $1`, [
        life.feed.accountId,
      ]);
      await fixture.facade.feedFactsChanged(life.feed);
      await life.untilState('live');
      await life.postings();
      await life.untilBooked(3);
    });
  });
});

it('a connection is unlinked once its batch in flight has an outcome, and its feed ends', async () => {
  await withLife(async (life) => {
    life.holdAnswers();
    await life.postings();
    await life.untilInFlight();
    await requestUnlink(fixture.pool, life.feed);
    await life.wake();
    const unlinkedAt = async () => {
      const { rows } = await fixture.pool.query<{ unlinked_at: string | null }>(
        `SELECT unlinked_at FROM connections WHERE connection_id = $1`,
        [life.feed.connectionId],
      );
      return rows[0]?.unlinked_at ?? null;
    };
    expect([await unlinkedAt(), (await life.row()).state]).toEqual([null, 'syncing']);
    const booked = await life.bookedIds();
    expect(booked).toEqual(['tx-1', 'tx-2', 'tx-3']);
    await life.letAnswersGo();
    await life.wake();
    await until(async () => (await unlinkedAt()) !== null, {
      timeoutMs: 30_000,
      describe: 'the connection is unlinked',
    });
    await life.untilState('closed');
    await untilEnded(life);
  });
});
