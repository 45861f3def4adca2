import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readConnection, updateConnection } from '../../../src/db/connections.js';
import {
  applyFeedRequest,
  recordAccountSeen,
  recordAccountsSeen,
  recordCaughtUp,
  recordConnectionRefused,
  recordReason,
  type AccountSeen,
} from '../../../src/db/rutter/feed-facts.js';
import { readFeed, type FeedRow } from '../../../src/db/rutter/feeds.js';
import { feedState, type OperatorAction } from '../../../src/domain/feed.js';
import {
  createDeliveryFixture,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

const startDate = '2026-03-01T00:00:00.000Z';
let fixture: DeliveryFixture;
beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
/** Whatever a test did: the state that people see is the one that the facts say. */
afterEach(async () => {
  const { rows } = await fixture.pool.query<{ feed_id: string }>(`SELECT feed_id FROM feeds`);
  for (const row of rows) {
    const feed = await rowOf({ feedId: row.feed_id });
    expect([feed.feedId, feed.state]).toEqual([feed.feedId, feedState(feed.facts)]);
  }
});

async function rowOf(feed: { feedId: string }): Promise<FeedRow> {
  const row = await readFeed(fixture.pool, feed);
  if (row === null) throw new Error('no such feed');
  return row;
}

/** Everything that is stored of a feed and its connection, the instants of the last change included. */
async function snapshot(feed: DeliveryFeed): Promise<unknown> {
  const { rows } = await fixture.pool.query(
    `SELECT to_jsonb(f) AS feed, to_jsonb(c) AS connection FROM feeds f JOIN connections c USING (connection_id)
      WHERE f.feed_id = $1`,
    [feed.feedId],
  );
  return { rows, timeline: await timelineOf(feed) };
}

async function timelineOf(feed: DeliveryFeed): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ kind: string }>(
    `SELECT kind FROM timeline WHERE feed_id = $1 ORDER BY entry_id`,
    [feed.feedId],
  );
  return rows.map((row) => row.kind);
}

function seen(feed: DeliveryFeed, change: Partial<AccountSeen> = {}): AccountSeen {
  return { rutterAccountId: feed.rutterAccountId, ready: true, transactionStartDate: startDate, ...change };
}

function look(feeds: readonly DeliveryFeed[], accounts: AccountSeen[] = feeds.map((feed) => seen(feed))) {
  return recordAccountsSeen(fixture.pool, { connectionId: feeds[0]?.connectionId ?? '', accounts });
}

const nextSyncAtMs = Date.parse('2026-03-02T20:00:00Z');
const caughtUp = (feed: DeliveryFeed) => recordCaughtUp(fixture.pool, { feedId: feed.feedId, nextSyncAtMs });
const request = (feed: DeliveryFeed, action: OperatorAction) =>
  applyFeedRequest(fixture.pool, { feedId: feed.feedId, action });
const refuse = (feed: DeliveryFeed, code = 'NEEDS_UPDATE') =>
  recordConnectionRefused(fixture.pool, { connectionId: feed.connectionId, code, words: 'sign in again' });
const examine = (feed: DeliveryFeed, sequence: number) =>
  fixture.pool.query(`UPDATE feeds SET examined_sequence = $2 WHERE feed_id = $1`, [feed.feedId, sequence]);

/** A feed that has sent all it has. */
async function liveFeed(input: { connectionId?: string } = {}): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ ...input, startDate });
  await caughtUp(feed);
  return feed;
}

describe('what Rutter says of an account', () => {
  it('activates the feed that was waiting for it, with the start date chosen in Sage, and owes it a check', async () => {
    const feed = await fixture.makeFeed();
    expect(await look([feed])).toEqual({ requestedFeedIds: [feed.feedId], awaitedCount: 0 });
    expect(await rowOf(feed)).toMatchObject({ state: 'backfilling', transactionStartDate: startDate });
    expect(await timelineOf(feed)).toEqual(['feed_activated']);
  });

  it('changes nothing when it is said again, but wakes the feed again until it has begun', async () => {
    const feed = await fixture.makeFeed();
    const first = await look([feed]);
    const before = await snapshot(feed);
    expect(await look([feed])).toEqual(first);
    expect(await snapshot(feed)).toEqual(before);
    await fixture.deliveryRun(feed);
    expect(await look([feed])).toEqual({ requestedFeedIds: [], awaitedCount: 0 });
  });

  it('leaves a feed waiting, untouched, while its account is not ready', async () => {
    const feed = await fixture.makeFeed();
    const before = await snapshot(feed);
    const notReady = [seen(feed, { ready: false, transactionStartDate: null })];
    expect(await look([feed], notReady)).toEqual({ requestedFeedIds: [], awaitedCount: 1 });
    expect(await snapshot(feed)).toEqual(before);
  });

  it('leaves a feed waiting that is not in the list: it may have been published after the list was made', async () => {
    const feed = await fixture.makeFeed();
    expect(await look([feed], [])).toEqual({ requestedFeedIds: [], awaitedCount: 1 });
    expect((await rowOf(feed)).state).toBe('awaiting_activation');
  });

  it('sends nothing of an account that is ready but has no start date yet', async () => {
    const feed = await fixture.makeFeed();
    expect(await look([feed], [seen(feed, { transactionStartDate: null })])).toMatchObject({
      awaitedCount: 1,
    });
    expect((await rowOf(feed)).state).toBe('awaiting_activation');
  });

  it('with an earlier start date opens the past again and wakes the feed', async () => {
    const feed = await liveFeed();
    await examine(feed, 40);
    const earlier = '2026-02-01T00:00:00.000Z';
    const answer = await look([feed], [seen(feed, { transactionStartDate: earlier })]);
    expect(answer.requestedFeedIds).toEqual([feed.feedId]);
    expect(await rowOf(feed)).toMatchObject({ transactionStartDate: earlier, examinedSequence: '0' });
    expect(await timelineOf(feed)).toEqual(['caught_up', 'start_date_changed']);
  });

  it('with a later start date only moves the date', async () => {
    const feed = await liveFeed();
    await examine(feed, 40);
    const later = '2026-04-01T00:00:00.000Z';
    await look([feed], [seen(feed, { transactionStartDate: later })]);
    expect(await rowOf(feed)).toMatchObject({
      ...{ transactionStartDate: later, examinedSequence: '40', state: 'live' },
    });
    expect(await timelineOf(feed)).toEqual(['caught_up', 'start_date_changed']);
  });

  it.each(['2026-03-01T00:00:00Z', '2026-03-01T01:00:00+01:00'])(
    'is no change when it writes the same start date as %s',
    async (transactionStartDate) => {
      const feed = await liveFeed();
      const before = await snapshot(feed);
      await look([feed], [seen(feed, { transactionStartDate })]);
      expect(await snapshot(feed)).toEqual(before);
    },
  );

  it.each([
    ['is no longer ready', false],
    ['is missing from the list', true],
  ])('disconnects an active feed whose account %s, and keeps its start date', async (_, missing) => {
    const feed = await liveFeed();
    const list = missing ? [] : [seen(feed, { ready: false })];
    expect(await look([feed], list)).toEqual({ requestedFeedIds: [], awaitedCount: 1 });
    expect(await rowOf(feed)).toMatchObject({ state: 'disconnected', transactionStartDate: startDate });
    await look([feed], list);
    expect(await timelineOf(feed)).toEqual(['caught_up', 'feed_disconnected']);
  });

  it('makes a feed that was linked again catch up again', async () => {
    const feed = await liveFeed();
    await look([feed], [seen(feed, { ready: false })]);
    expect((await look([feed])).requestedFeedIds).toEqual([feed.feedId]);
    expect(await rowOf(feed)).toMatchObject({ state: 'backfilling', facts: { caughtUp: false } });
    expect(await timelineOf(feed)).toEqual(['caught_up', 'feed_disconnected', 'feed_activated']);
  });

  it('is taken over feed by feed of one connection, and for no other', async () => {
    const first = await fixture.makeFeed();
    const { connectionId } = first;
    const [second, third] = [await fixture.makeFeed({ connectionId }), await liveFeed({ connectionId })];
    const other = await fixture.makeFeed();
    const untouched = await snapshot(other);
    const answer = await look(
      [first],
      [seen(first), seen(second, { ready: false }), seen(third, { ready: false }), seen(other)],
    );
    expect(answer).toEqual({ requestedFeedIds: [first.feedId], awaitedCount: 2 });
    const states = [(await rowOf(first)).state, (await rowOf(second)).state, (await rowOf(third)).state];
    expect(states).toEqual(['backfilling', 'awaiting_activation', 'disconnected']);
    expect(await snapshot(other)).toEqual(untouched);
  });

  it('read with a daily look counts the same for that feed alone', async () => {
    const feed = await liveFeed();
    const sibling = await liveFeed({ connectionId: feed.connectionId });
    await recordAccountSeen(fixture.pool, { ...feed, account: seen(feed, { ready: false }) });
    expect([(await rowOf(feed)).state, (await rowOf(sibling)).state]).toEqual(['disconnected', 'live']);
    await recordAccountSeen(fixture.pool, { ...feed, account: seen(feed) });
    expect((await rowOf(feed)).state).toBe('backfilling');
    expect(await timelineOf(feed)).toEqual(['caught_up', 'feed_disconnected', 'feed_activated']);
  });
});

describe('a refused connection', () => {
  async function family() {
    const live = await liveFeed();
    const { connectionId } = live;
    const [waiting, paused, gone, closed] = [
      await fixture.makeFeed({ connectionId }),
      await liveFeed({ connectionId }),
      await liveFeed({ connectionId }),
      await liveFeed({ connectionId }),
    ];
    await recordAccountSeen(fixture.pool, { ...gone, account: seen(gone, { ready: false }) });
    await request(paused, 'pause');
    await request(closed, 'close');
    return { live, waiting, paused, gone, closed };
  }
  type Family = Awaited<ReturnType<typeof family>>;
  const statesOf = async (feeds: Family) =>
    Object.fromEntries(
      await Promise.all(
        Object.entries(feeds).map(async ([name, feed]) => [name, (await rowOf(feed)).state] as const),
      ),
    );
  const healthy = {
    ...{ live: 'live', waiting: 'awaiting_activation', paused: 'paused' },
    ...{ gone: 'disconnected', closed: 'closed' },
  };
  const listOf = (feeds: Family) => [
    ...[seen(feeds.live), seen(feeds.paused), seen(feeds.closed)],
    ...[seen(feeds.waiting, { ready: false }), seen(feeds.gone, { ready: false })],
  ];

  it('blocks all its feeds at once, but neither un-pauses nor re-opens any, and says so once', async () => {
    const feeds = await family();
    expect(await statesOf(feeds)).toEqual(healthy);
    await fixture.pool.query(`UPDATE feeds SET syncing = true, state = 'syncing' WHERE feed_id = $1`, [
      feeds.live.feedId,
    ]);
    await refuse(feeds.live);
    expect(await statesOf(feeds)).toEqual({
      ...{ live: 'reauth_required', waiting: 'reauth_required', gone: 'reauth_required' },
      ...{ paused: 'paused', closed: 'closed' },
    });
    expect((await rowOf(feeds.live)).facts.syncing).toBe(false);
    const before = await Promise.all(Object.values(feeds).map(snapshot));
    await refuse(feeds.live);
    expect(await Promise.all(Object.values(feeds).map(snapshot))).toEqual(before);
    const told = await Promise.all(
      Object.values(feeds).map(
        async (feed) => (await timelineOf(feed)).filter((kind) => kind === 'connection_refused').length,
      ),
    );
    expect(told).toEqual([1, 1, 1, 1, 0]);
  });

  it('keeps the words of the provider for people, until it is healed', async () => {
    const feed = await liveFeed();
    await refuse(feed);
    expect(await readConnection(fixture.pool, feed)).toMatchObject({
      ...{ status: 'refused', providerStatus: 'NEEDS_UPDATE', statusReason: 'sign in again' },
    });
    await look([feed]);
    expect(await readConnection(fixture.pool, feed)).toMatchObject({
      ...{ status: 'ok', providerStatus: null, statusReason: null },
    });
  });

  it('is healed with all its feeds by a check that succeeds, which wakes those that may send', async () => {
    const feeds = await family();
    await refuse(feeds.live);
    const answer = await look([feeds.live], listOf(feeds));
    expect(answer.requestedFeedIds).toContain(feeds.live.feedId);
    expect(answer.requestedFeedIds).not.toContain(feeds.closed.feedId);
    expect(answer.awaitedCount).toBe(2);
    expect(await statesOf(feeds)).toEqual(healthy);
    const before = await Promise.all(Object.values(feeds).map(snapshot));
    await look([feeds.live], listOf(feeds));
    expect(await Promise.all(Object.values(feeds).map(snapshot))).toEqual(before);
    expect((await timelineOf(feeds.live)).slice(-2)).toEqual(['connection_refused', 'connection_healed']);
  });

  it('is not healed by the check one account, which would leave the other feeds blocked', async () => {
    const feed = await liveFeed();
    const sibling = await liveFeed({ connectionId: feed.connectionId });
    await refuse(feed);
    await recordAccountSeen(fixture.pool, { ...feed, account: seen(feed) });
    expect((await readConnection(fixture.pool, feed))?.status).toBe('refused');
    expect([(await rowOf(feed)).state, (await rowOf(sibling)).state]).toEqual([
      ...['reauth_required', 'reauth_required'],
    ]);
  });

  it('that another way was healed has its blocked feeds woken by the next check', async () => {
    const feed = await liveFeed();
    await refuse(feed);
    const facts = { status: 'ok', providerStatus: 'active', reason: null } as const;
    await updateConnection(fixture.pool, { connectionId: feed.connectionId, facts });
    expect((await look([feed])).requestedFeedIds).toEqual([feed.feedId]);
    expect((await rowOf(feed)).state).toBe('live');
  });

  it('refused, healed, paused and caught up all at once never ends with a state that the facts deny', async () => {
    const feed = await liveFeed();
    const siblings = [await liveFeed(feed), await liveFeed(feed)];
    for (let round = 0; round < 15; round += 1) {
      await Promise.all([
        refuse(feed),
        look([feed, ...siblings]),
        recordAccountSeen(fixture.pool, { ...feed, account: seen(feed, { ready: round % 2 === 0 }) }),
        ...siblings.map(caughtUp),
        request(feed, round % 3 === 0 ? 'pause' : 'resume'),
        look([feed, ...siblings]),
      ]);
      for (const each of [feed, ...siblings]) {
        const row = await rowOf(each);
        // A healed connection may leave a state behind that the next check mends.
        if (row.facts.connection !== 'ok') expect(row.state).toBe(feedState(row.facts));
      }
      await look([feed, ...siblings]);
    }
  });
});

describe('what an operator or customer asks', () => {
  const cases: [OperatorAction[], string, string[]][] = [
    [['pause'], 'paused', ['pause_requested']],
    [['pause', 'pause'], 'paused', ['pause_requested']],
    [['pause', 'resume'], 'live', ['pause_requested', 'resume_requested']],
    [['resume'], 'live', []],
    [['sync'], 'live', ['sync_requested']],
    [['close'], 'closed', ['close_requested']],
    [['pause', 'close'], 'closed', ['pause_requested', 'close_requested']],
    [['close', 'close'], 'closed', ['close_requested']],
    [['close', 'resume'], 'closed', ['close_requested']],
    [['close', 'pause'], 'closed', ['close_requested']],
    [['close', 'sync'], 'closed', ['close_requested']],
  ];
  it.each(cases)('%j leaves a live feed %s, and tells what changed: %j', async (actions, state, told) => {
    const feed = await liveFeed();
    let answer: FeedRow | null = null;
    for (const action of actions) answer = await request(feed, action);
    expect((await rowOf(feed)).state).toBe(state);
    expect(answer?.state).toBe(state);
    expect((await timelineOf(feed)).slice(1)).toEqual(told);
  });

  it('is refused by nothing that a closed feed hears: no look, refusal or request brings it back', async () => {
    const feed = await liveFeed();
    await request(feed, 'close');
    const before = await snapshot(feed);
    for (const action of ['pause', 'resume', 'sync', 'close'] as const) await request(feed, action);
    expect(await look([feed], [seen(feed, { transactionStartDate: '2026-01-01T00:00:00Z' })])).toEqual({
      ...{ requestedFeedIds: [], awaitedCount: 0 },
    });
    await recordAccountSeen(fixture.pool, { ...feed, account: seen(feed, { ready: false }) });
    expect(await snapshot(feed)).toEqual(before);
    // A delivery run that was under way when it was closed.
    await caughtUp(feed);
    expect((await rowOf(feed)).state).toBe('closed');
  });

  it.each(['resume', 'sync', 'close'] as const)(
    'with %s asks a blocked feed again, whatever it was blocked for',
    async (action) => {
      const feed = await liveFeed();
      const reason = { reason: 'rejected_by_provider', detail: 'Sage says no', timeline: true };
      await recordReason(fixture.pool, { feedId: feed.feedId, ...reason });
      await request(feed, action);
      expect((await rowOf(feed)).reason).toBeNull();
      expect((await timelineOf(feed)).slice(1)).toEqual(['feed_blocked', `${action}_requested`]);
    },
  );

  it('with pause, once or twice, keeps the reason that a feed is blocked for', async () => {
    const feed = await liveFeed();
    await recordReason(fixture.pool, {
      feedId: feed.feedId,
      reason: 'job_lost',
      detail: null,
      timeline: true,
    });
    await request(feed, 'pause');
    expect(await rowOf(feed)).toMatchObject({ state: 'paused', reason: 'job_lost' });
    await request(feed, 'pause');
    expect((await timelineOf(feed)).slice(1)).toEqual(['feed_blocked', 'pause_requested']);
  });

  it('of a feed that does not exist is answered with nothing', async () => {
    expect(await applyFeedRequest(fixture.pool, { feedId: randomUUID(), action: 'pause' })).toBeNull();
  });

  it('asked by many at once happens once', async () => {
    const feed = await liveFeed();
    await Promise.all(Array.from({ length: 8 }, () => request(feed, 'pause')));
    expect(await timelineOf(feed)).toEqual(['caught_up', 'pause_requested']);
  });
});

describe('what delivery finds', () => {
  it('is live from the first time it has caught up, said once', async () => {
    const feed = await fixture.makeFeed({ startDate });
    expect(await caughtUp(feed)).toMatchObject({ state: 'live', nextSyncAt: '2026-03-02T20:00:00.000Z' });
    await caughtUp(feed);
    expect(await timelineOf(feed)).toEqual(['caught_up']);
    const { rows } = await fixture.pool.query(`SELECT last_synced_at FROM feeds WHERE feed_id = $1`, [
      feed.feedId,
    ]);
    expect(Date.now() - Date.parse(rows[0].last_synced_at)).toBeLessThan(60_000);
  });

  it('is nothing for a feed that does not exist', async () => {
    expect(await recordCaughtUp(fixture.pool, { feedId: randomUUID(), nextSyncAtMs })).toBeNull();
  });

  it('tells once what a person must check, and not of a failure that passes', async () => {
    const feed = await liveFeed();
    const tell = (reason: string, timeline: boolean) =>
      recordReason(fixture.pool, { feedId: feed.feedId, reason, detail: 'words', timeline });
    await tell('provider_unavailable', false);
    expect(await rowOf(feed)).toMatchObject({ reason: 'provider_unavailable', facts: { syncing: false } });
    await tell('rejected_by_provider', true);
    await tell('rejected_by_provider', true);
    expect(await timelineOf(feed)).toEqual(['caught_up', 'feed_blocked']);
    await caughtUp(feed);
    expect((await rowOf(feed)).reason).toBeNull();
  });
});
