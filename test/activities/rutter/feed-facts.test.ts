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
} from '../../../src/db/rutter/feed-facts.js';
import type { FeedReason } from '../../../src/domain/rutter/feed.js';
import type { AccountSeen } from '../../../src/domain/rutter/transitions.js';
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
/** After every test: the stored state of each feed is the one that its facts mean. */
afterEach(async () => {
  const { rows } = await fixture.pool.query<{ feed_id: string }>(`SELECT feed_id FROM feeds`);
  for (const row of rows) {
    const feed = await rowOf({ feedId: row.feed_id });
    expect([feed.feedId, feed.state]).toEqual([feed.feedId, feedState(feed.facts)]);
  }
});

async function rowOf(feed: { feedId: string }): Promise<FeedRow> {
  const row = await readFeed(fixture.pool, feed);
  if (row === null) throw new Error('unknown feed');
  return row;
}

/** Everything that is stored of a feed and its connection, including the instants of the last changes. */
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

function recordCheck(
  feeds: readonly DeliveryFeed[],
  accounts: AccountSeen[] = feeds.map((feed) => seen(feed)),
) {
  return recordAccountsSeen(fixture.pool, {
    connectionId: feeds[0]?.connectionId ?? '',
    accounts,
    bankTimeZone: null,
  });
}

const nextSyncAtMs = Date.parse('2026-03-02T20:00:00Z');
const caughtUp = (feed: DeliveryFeed) => recordCaughtUp(fixture.pool, { feedId: feed.feedId, nextSyncAtMs });
const request = (feed: DeliveryFeed, action: OperatorAction) =>
  applyFeedRequest(fixture.pool, { feedId: feed.feedId, action });
const refuse = (feed: DeliveryFeed, code = 'NEEDS_UPDATE') =>
  recordConnectionRefused(fixture.pool, { connectionId: feed.connectionId, code, message: 'sign in again' });
const examine = (feed: DeliveryFeed, sequence: number) =>
  fixture.pool.query(
    `UPDATE feeds SET examined_sequence = $2, examined_by_day_sequence = $2 WHERE feed_id = $1`,
    [feed.feedId, sequence],
  );

/** A feed that has caught up. */
async function liveFeed(input: { connectionId?: string } = {}): Promise<DeliveryFeed> {
  const feed = await fixture.makeFeed({ ...input, startDate });
  await caughtUp(feed);
  return feed;
}

describe('the state of an account at Rutter', () => {
  it('activates the waiting feed with the start date chosen in Sage, and requests a check', async () => {
    const feed = await fixture.makeFeed();
    expect(await recordCheck([feed])).toEqual({ requestedFeedIds: [feed.feedId], awaitedCount: 0 });
    expect(await rowOf(feed)).toMatchObject({ state: 'backfilling', transactionStartDate: startDate });
    expect(await timelineOf(feed)).toEqual(['feed_activated']);
  });

  it('changes nothing when it is reported again, but wakes the feed until it has started', async () => {
    const feed = await fixture.makeFeed();
    const first = await recordCheck([feed]);
    const before = await snapshot(feed);
    expect(await recordCheck([feed])).toEqual(first);
    expect(await snapshot(feed)).toEqual(before);
    await fixture.deliveryRun(feed);
    expect(await recordCheck([feed])).toEqual({ requestedFeedIds: [], awaitedCount: 0 });
  });

  it('leaves a waiting feed unchanged while its account is not ready', async () => {
    const feed = await fixture.makeFeed();
    const before = await snapshot(feed);
    const notReady = [seen(feed, { ready: false, transactionStartDate: null })];
    expect(await recordCheck([feed], notReady)).toEqual({ requestedFeedIds: [], awaitedCount: 1 });
    expect(await snapshot(feed)).toEqual(before);
  });

  it('leaves a feed waiting that is not in the list, since it may have been published after the list was read', async () => {
    const feed = await fixture.makeFeed();
    expect(await recordCheck([feed], [])).toEqual({ requestedFeedIds: [], awaitedCount: 1 });
    expect((await rowOf(feed)).state).toBe('awaiting_activation');
  });

  it('does not activate a feed whose account is ready but has no start date yet', async () => {
    const feed = await fixture.makeFeed();
    expect(await recordCheck([feed], [seen(feed, { transactionStartDate: null })])).toMatchObject({
      awaitedCount: 1,
    });
    expect((await rowOf(feed)).state).toBe('awaiting_activation');
  });

  it('with an earlier start date examines earlier postings again and wakes the feed', async () => {
    const feed = await liveFeed();
    await examine(feed, 40);
    const earlier = '2026-02-01T00:00:00.000Z';
    const answer = await recordCheck([feed], [seen(feed, { transactionStartDate: earlier })]);
    expect(answer.requestedFeedIds).toEqual([feed.feedId]);
    expect(await rowOf(feed)).toMatchObject({ transactionStartDate: earlier, examinedSequence: '0' });
    expect(await timelineOf(feed)).toEqual(['caught_up', 'start_date_changed']);
  });

  it('with a later start date only moves the date', async () => {
    const feed = await liveFeed();
    await examine(feed, 40);
    const later = '2026-04-01T00:00:00.000Z';
    await recordCheck([feed], [seen(feed, { transactionStartDate: later })]);
    expect(await rowOf(feed)).toMatchObject({
      transactionStartDate: later,
      examinedSequence: '40',
      state: 'live',
    });
    expect(await timelineOf(feed)).toEqual(['caught_up', 'start_date_changed']);
  });

  it.each(['2026-03-01T00:00:00Z', '2026-03-01T01:00:00+01:00'])(
    'is no change when it writes the same start date as %s',
    async (transactionStartDate) => {
      const feed = await liveFeed();
      const before = await snapshot(feed);
      await recordCheck([feed], [seen(feed, { transactionStartDate })]);
      expect(await snapshot(feed)).toEqual(before);
    },
  );

  it.each([
    ['is no longer ready', false],
    ['is missing from the list', true],
  ])('disconnects an active feed whose account %s, and keeps its start date', async (_, missing) => {
    const feed = await liveFeed();
    const list = missing ? [] : [seen(feed, { ready: false })];
    expect(await recordCheck([feed], list)).toEqual({ requestedFeedIds: [], awaitedCount: 1 });
    expect(await rowOf(feed)).toMatchObject({ state: 'disconnected', transactionStartDate: startDate });
    await recordCheck([feed], list);
    expect(await timelineOf(feed)).toEqual(['caught_up', 'feed_disconnected']);
  });

  it('makes a feed that was linked again catch up again', async () => {
    const feed = await liveFeed();
    await recordCheck([feed], [seen(feed, { ready: false })]);
    expect((await recordCheck([feed])).requestedFeedIds).toEqual([feed.feedId]);
    expect(await rowOf(feed)).toMatchObject({ state: 'backfilling', facts: { caughtUp: false } });
    expect(await timelineOf(feed)).toEqual(['caught_up', 'feed_disconnected', 'feed_activated']);
  });

  it('is applied to each feed of the connection and to no other', async () => {
    const first = await fixture.makeFeed();
    const { connectionId } = first;
    const [second, third] = [await fixture.makeFeed({ connectionId }), await liveFeed({ connectionId })];
    const other = await fixture.makeFeed();
    const untouched = await snapshot(other);
    const answer = await recordCheck(
      [first],
      [seen(first), seen(second, { ready: false }), seen(third, { ready: false }), seen(other)],
    );
    expect(answer).toEqual({ requestedFeedIds: [first.feedId], awaitedCount: 2 });
    const states = [(await rowOf(first)).state, (await rowOf(second)).state, (await rowOf(third)).state];
    expect(states).toEqual(['backfilling', 'awaiting_activation', 'disconnected']);
    expect(await snapshot(other)).toEqual(untouched);
  });

  it('has the same effect from a daily check, for that feed only', async () => {
    const feed = await liveFeed();
    const sibling = await liveFeed({ connectionId: feed.connectionId });
    await recordAccountSeen(fixture.pool, {
      ...feed,
      bankTimeZone: null,
      account: seen(feed, { ready: false }),
    });
    expect([(await rowOf(feed)).state, (await rowOf(sibling)).state]).toEqual(['disconnected', 'live']);
    await recordAccountSeen(fixture.pool, { ...feed, bankTimeZone: null, account: seen(feed) });
    expect((await rowOf(feed)).state).toBe('backfilling');
    expect(await timelineOf(feed)).toEqual(['caught_up', 'feed_disconnected', 'feed_activated']);
  });
});

describe('a refused connection', () => {
  async function feedsOfConnection() {
    const live = await liveFeed();
    const { connectionId } = live;
    const [waiting, paused, disconnected, closed] = [
      await fixture.makeFeed({ connectionId }),
      await liveFeed({ connectionId }),
      await liveFeed({ connectionId }),
      await liveFeed({ connectionId }),
    ];
    await recordAccountSeen(fixture.pool, {
      ...disconnected,
      bankTimeZone: null,
      account: seen(disconnected, { ready: false }),
    });
    await request(paused, 'pause');
    await request(closed, 'close');
    return { live, waiting, paused, disconnected, closed };
  }
  type ConnectionFeeds = Awaited<ReturnType<typeof feedsOfConnection>>;
  const statesOf = async (feeds: ConnectionFeeds) =>
    Object.fromEntries(
      await Promise.all(
        Object.entries(feeds).map(async ([name, feed]) => [name, (await rowOf(feed)).state] as const),
      ),
    );
  const healthy = {
    live: 'live',
    waiting: 'awaiting_activation',
    paused: 'paused',
    disconnected: 'disconnected',
    closed: 'closed',
  };
  const listOf = (feeds: ConnectionFeeds) => [
    ...[seen(feeds.live), seen(feeds.paused), seen(feeds.closed)],
    ...[seen(feeds.waiting, { ready: false }), seen(feeds.disconnected, { ready: false })],
  ];

  it('blocks all its feeds at once, neither resumes nor reopens any, and is recorded once', async () => {
    const feeds = await feedsOfConnection();
    expect(await statesOf(feeds)).toEqual(healthy);
    await fixture.pool.query(`UPDATE feeds SET syncing = true, state = 'syncing' WHERE feed_id = $1`, [
      feeds.live.feedId,
    ]);
    await refuse(feeds.live);
    expect(await statesOf(feeds)).toEqual({
      live: 'reauth_required',
      waiting: 'reauth_required',
      disconnected: 'reauth_required',
      paused: 'paused',
      closed: 'closed',
    });
    expect((await rowOf(feeds.live)).facts.syncing).toBe(false);
    const before = await Promise.all(Object.values(feeds).map(snapshot));
    await refuse(feeds.live);
    expect(await Promise.all(Object.values(feeds).map(snapshot))).toEqual(before);
    const refusals = await Promise.all(
      Object.values(feeds).map(
        async (feed) => (await timelineOf(feed)).filter((kind) => kind === 'connection_refused').length,
      ),
    );
    expect(refusals).toEqual([1, 1, 1, 1, 0]);
  });

  it('keeps the provider message until it has recovered', async () => {
    const feed = await liveFeed();
    await refuse(feed);
    expect(await readConnection(fixture.pool, feed)).toMatchObject({
      status: 'refused',
      providerStatus: 'NEEDS_UPDATE',
      statusReason: 'sign in again',
    });
    await recordCheck([feed]);
    expect(await readConnection(fixture.pool, feed)).toMatchObject({
      status: 'ok',
      providerStatus: null,
      statusReason: null,
    });
  });

  it('recovers with all its feeds by a successful check, which wakes those that may send', async () => {
    const feeds = await feedsOfConnection();
    await refuse(feeds.live);
    const answer = await recordCheck([feeds.live], listOf(feeds));
    expect(answer.requestedFeedIds).toContain(feeds.live.feedId);
    expect(answer.requestedFeedIds).not.toContain(feeds.closed.feedId);
    expect(answer.awaitedCount).toBe(2);
    expect(await statesOf(feeds)).toEqual(healthy);
    const before = await Promise.all(Object.values(feeds).map(snapshot));
    await recordCheck([feeds.live], listOf(feeds));
    expect(await Promise.all(Object.values(feeds).map(snapshot))).toEqual(before);
    expect((await timelineOf(feeds.live)).slice(-2)).toEqual(['connection_refused', 'connection_recovered']);
  });

  it('does not recover by the check of one account, which would leave the other feeds blocked', async () => {
    const feed = await liveFeed();
    const sibling = await liveFeed({ connectionId: feed.connectionId });
    await refuse(feed);
    await recordAccountSeen(fixture.pool, { ...feed, bankTimeZone: null, account: seen(feed) });
    expect((await readConnection(fixture.pool, feed))?.status).toBe('refused');
    expect([(await rowOf(feed)).state, (await rowOf(sibling)).state]).toEqual([
      ...['reauth_required', 'reauth_required'],
    ]);
  });

  it('that recovered otherwise has its blocked feeds woken by the next check', async () => {
    const feed = await liveFeed();
    await refuse(feed);
    const facts = { status: 'ok', providerStatus: 'active', reason: null } as const;
    await updateConnection(fixture.pool, { connectionId: feed.connectionId, facts });
    expect((await recordCheck([feed])).requestedFeedIds).toEqual([feed.feedId]);
    expect((await rowOf(feed)).state).toBe('live');
  });

  it('never ends in a state that contradicts the facts when all changes come at once', async () => {
    const feed = await liveFeed();
    const siblings = [await liveFeed(feed), await liveFeed(feed)];
    for (let round = 0; round < 15; round += 1) {
      await Promise.all([
        refuse(feed),
        recordCheck([feed, ...siblings]),
        recordAccountSeen(fixture.pool, {
          ...feed,
          bankTimeZone: null,
          account: seen(feed, { ready: round % 2 === 0 }),
        }),
        ...siblings.map(caughtUp),
        request(feed, round % 3 === 0 ? 'pause' : 'resume'),
        recordCheck([feed, ...siblings]),
      ]);
      for (const each of [feed, ...siblings]) {
        const row = await rowOf(each);
        // The recovery of a connection may leave a state that the next check corrects.
        if (row.facts.connection !== 'ok') expect(row.state).toBe(feedState(row.facts));
      }
      await recordCheck([feed, ...siblings]);
    }
  });
});

describe('a request of an operator or customer', () => {
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
  it.each(cases)(
    '%j leaves a live feed %s and records what changed: %j',
    async (actions, state, recorded) => {
      const feed = await liveFeed();
      let answer: FeedRow | null = null;
      for (const action of actions) answer = await request(feed, action);
      expect((await rowOf(feed)).state).toBe(state);
      expect(answer?.state).toBe(state);
      expect((await timelineOf(feed)).slice(1)).toEqual(recorded);
    },
  );

  it('does not reopen a closed feed, nor does a check or a refusal', async () => {
    const feed = await liveFeed();
    await request(feed, 'close');
    const before = await snapshot(feed);
    for (const action of ['pause', 'resume', 'sync', 'close'] as const) await request(feed, action);
    expect(await recordCheck([feed], [seen(feed, { transactionStartDate: '2026-01-01T00:00:00Z' })])).toEqual(
      {
        requestedFeedIds: [],
        awaitedCount: 0,
      },
    );
    await recordAccountSeen(fixture.pool, {
      ...feed,
      bankTimeZone: null,
      account: seen(feed, { ready: false }),
    });
    expect(await snapshot(feed)).toEqual(before);
    // A delivery run that was in progress when the feed was closed.
    await caughtUp(feed);
    expect((await rowOf(feed)).state).toBe('closed');
  });

  it.each(['resume', 'sync', 'close'] as const)(
    'with %s retries a blocked feed, whatever its reason',
    async (action) => {
      const feed = await liveFeed();
      const reason = { reason: 'rejected_by_provider', detail: 'provider message', timeline: true } as const;
      await recordReason(fixture.pool, { feedId: feed.feedId, ...reason });
      await request(feed, action);
      expect((await rowOf(feed)).reason).toBeNull();
      expect((await timelineOf(feed)).slice(1)).toEqual(['feed_blocked', `${action}_requested`]);
    },
  );

  it('with pause, once or twice, keeps the reason of a blocked feed', async () => {
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

  it('for an unknown feed returns null', async () => {
    expect(await applyFeedRequest(fixture.pool, { feedId: randomUUID(), action: 'pause' })).toBeNull();
  });

  it('made by many at once is applied once', async () => {
    const feed = await liveFeed();
    await Promise.all(Array.from({ length: 8 }, () => request(feed, 'pause')));
    expect(await timelineOf(feed)).toEqual(['caught_up', 'pause_requested']);
  });
});

describe('the result of a delivery run', () => {
  it('makes a feed live when it has first caught up, recorded once', async () => {
    const feed = await fixture.makeFeed({ startDate });
    expect(await caughtUp(feed)).toMatchObject({ state: 'live', nextSyncAt: '2026-03-02T20:00:00.000Z' });
    await caughtUp(feed);
    expect(await timelineOf(feed)).toEqual(['caught_up']);
    const { rows } = await fixture.pool.query(`SELECT last_synced_at FROM feeds WHERE feed_id = $1`, [
      feed.feedId,
    ]);
    expect(Date.now() - Date.parse(rows[0].last_synced_at)).toBeLessThan(60_000);
  });

  it('returns null for an unknown feed', async () => {
    expect(await recordCaughtUp(fixture.pool, { feedId: randomUUID(), nextSyncAtMs })).toBeNull();
  });

  it('records once what needs a person, and not a transient failure', async () => {
    const feed = await liveFeed();
    const record = (reason: FeedReason, timeline: boolean) =>
      recordReason(fixture.pool, { feedId: feed.feedId, reason, detail: 'provider message', timeline });
    await record('provider_unavailable', false);
    expect(await rowOf(feed)).toMatchObject({ reason: 'provider_unavailable', facts: { syncing: false } });
    await record('rejected_by_provider', true);
    await record('rejected_by_provider', true);
    expect(await timelineOf(feed)).toEqual(['caught_up', 'feed_blocked']);
    await caughtUp(feed);
    expect((await rowOf(feed)).reason).toBeNull();
  });
});
