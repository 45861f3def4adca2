import { expect, it } from 'vitest';
import { createDeliveryFixture, postingsFrom } from '../../support/rutter/delivery-fixture.js';
import { throughPgbouncer } from '../../support/through-pgbouncer.js';

const startDate = '2026-03-01T00:00:00.000Z';

it.each(['session', 'transaction'] as const)(
  'every posting of a feed is delivered once behind PgBouncer in %s mode',
  async (mode) => {
    const pooler = throughPgbouncer(mode);
    const fixture = await createDeliveryFixture({ reach: pooler.reach });
    try {
      const feeds = await Promise.all(
        Array.from({ length: 3 }, () => fixture.makeFilledFeed({ startDate, count: 120 })),
      );
      await Promise.all(feeds.map((feed) => fixture.untilCaughtUp(feed)));
      const expected = postingsFrom({ from: startDate, count: 120 }).length;
      for (const feed of feeds) {
        const booked = await fixture.bookedIds(feed);
        expect(new Set(booked).size).toBe(expected);
        expect(booked).toHaveLength(expected);
      }
      expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
    } finally {
      await fixture.close();
      await pooler.stop();
    }
  },
);
