import { describe, expect, it } from 'vitest';
import { feedState, type FeedFacts, type OperatorAction } from '../../../src/domain/feed.js';
import {
  accountTransition,
  caughtUpTransition,
  changedFacts,
  reasonTransition,
  requestTransition,
  type AccountSeen,
  type FeedSnapshot,
} from '../../../src/domain/rutter/transitions.js';

const live: FeedFacts = {
  operator: 'running',
  connection: 'ok',
  account: 'active',
  published: true,
  caughtUp: true,
  syncing: false,
};
const march = '2026-03-01T00:00:00.000Z';
const april = '2026-04-01T00:00:00.000Z';

function feed(facts: Partial<FeedFacts> = {}, rest: Partial<FeedSnapshot> = {}): FeedSnapshot {
  const all = { ...live, ...facts };
  return {
    facts: all,
    state: feedState(all),
    reason: null,
    transactionStartDate: march,
    startDay: '2026-03-01',
    timeZone: null,
    nextSyncAt: null,
    checkRequested: false,
    ...rest,
  };
}

function seen(change: Partial<AccountSeen> = {}): AccountSeen {
  return { rutterAccountId: 'account', ready: true, transactionStartDate: march, ...change };
}

describe('the status of an account at Rutter', () => {
  it('changes nothing of a feed that has it already', () => {
    expect(accountTransition(feed(), seen(), null)).toEqual({ account: 'active', transition: null });
  });

  it('activates a waiting feed, which is backfilling and has a check requested', () => {
    const waiting = feed(
      { account: 'waiting', caughtUp: false },
      { transactionStartDate: null, startDay: null },
    );
    expect(accountTransition(waiting, seen(), null)).toEqual({
      account: 'active',
      transition: {
        change: {
          account: 'active',
          transactionStartDate: march,
          startDay: '2026-03-01',
          reexamine: false,
          caughtUp: false,
          checkRequested: true,
        },
        event: { kind: 'feed_activated', detail: { transaction_start_date: march } },
      },
    });
  });

  it('activates no feed without a start date', () => {
    const waiting = feed({ account: 'waiting' }, { transactionStartDate: null, startDay: null });
    expect(accountTransition(waiting, seen({ transactionStartDate: null }), null)).toEqual({
      account: 'waiting',
      transition: null,
    });
  });

  it.each([[undefined], [seen({ ready: false })]])('disconnects a live feed: %j', (account) => {
    expect(accountTransition(feed(), account, null)).toEqual({
      account: 'inactive',
      transition: {
        change: { account: 'inactive', checkRequested: false },
        event: { kind: 'feed_disconnected', detail: {} },
      },
    });
  });

  it('leaves a feed waiting whose account is not in the list yet', () => {
    expect(accountTransition(feed({ account: 'waiting' }), undefined, null).account).toBe('waiting');
  });

  it.each([
    ['later', march, april, false],
    ['earlier', april, march, true],
  ])(
    'moves the start date to a %s one, and examines older postings again when it is earlier',
    (_, before, after, reexamine) => {
      const { transition } = accountTransition(
        feed({}, { transactionStartDate: before, startDay: before.slice(0, 10) }),
        seen({ transactionStartDate: after }),
        null,
      );
      expect(transition).toEqual({
        change: {
          account: 'active',
          transactionStartDate: after,
          startDay: after.slice(0, 10),
          reexamine,
          checkRequested: true,
        },
        event: { kind: 'start_date_changed', detail: { transaction_start_date: after } },
      });
    },
  );

  it.each([
    ['Europe/Berlin', null, '2026-03-31T22:00:00.000Z', '2026-03-31'],
    [null, 'America/New_York', '2026-04-01T02:00:00.000Z', '2026-03-31'],
    ['America/New_York', 'Europe/Berlin', '2026-04-01T02:00:00.000Z', '2026-03-31'],
    [null, null, '2026-04-01T02:00:00.000Z', '2026-04-01'],
  ])('reads the start day in the zone %s, else %s', (timeZone, bankTimeZone, date, startDay) => {
    const { transition } = accountTransition(
      feed({}, { timeZone }),
      seen({ transactionStartDate: date }),
      bankTimeZone,
    );
    expect(transition?.change).toMatchObject({ transactionStartDate: date, startDay });
  });

  it('keeps the start day of the same start date when only the zone changes, unless it cannot be its day', () => {
    const date = '2026-04-01T02:00:00.000Z';
    const before = { transactionStartDate: date, startDay: '2026-03-31', timeZone: 'UTC' };
    expect(
      accountTransition(feed({}, before), seen({ transactionStartDate: date }), null).transition,
    ).toBeNull();
    const stale = { ...before, startDay: '2026-01-01' };
    expect(
      accountTransition(feed({}, stale), seen({ transactionStartDate: date }), null).transition,
    ).toMatchObject({
      change: { startDay: '2026-04-01', reexamine: false },
    });
    const late = { ...before, startDay: '2026-04-02' };
    expect(
      accountTransition(feed({}, late), seen({ transactionStartDate: date }), null).transition,
    ).toMatchObject({
      change: { startDay: '2026-04-01', reexamine: true },
    });
  });

  it('takes the same instant written differently for the same start date', () => {
    const same = seen({ transactionStartDate: '2026-03-01T01:00:00+01:00' });
    expect(accountTransition(feed(), same, null).transition).toBeNull();
  });

  it('requests a check of a feed whose connection has recovered', () => {
    const { transition } = accountTransition(feed({}, { state: 'reauth_required' }), seen(), null);
    expect(transition).toMatchObject({
      change: { checkRequested: true },
      event: { kind: 'connection_recovered' },
    });
  });
});

describe('a request', () => {
  const actions: OperatorAction[] = ['pause', 'resume', 'sync', 'close'];

  it('changes nothing of a closed feed', () => {
    for (const action of actions) expect(requestTransition(feed({ operator: 'closed' }), action)).toBeNull();
  });

  it.each([
    ['pause', { operator: 'paused', syncing: false }],
    ['resume', { operator: 'running', reason: null }],
    ['sync', { reason: null }],
    ['close', { operator: 'closed', closedBy: 'request', syncing: false, reason: null }],
  ] as const)('to %s a blocked feed is reported', (action, change) => {
    expect(requestTransition(feed({}, { reason: 'job_lost' }), action)).toEqual({
      change,
      event: { kind: `${action}_requested`, detail: {} },
    });
  });

  it('that changes nothing is not reported', () => {
    expect(requestTransition(feed({ operator: 'paused' }), 'pause')?.event).toBeNull();
    expect(requestTransition(feed(), 'resume')?.event).toBeNull();
    expect(requestTransition(feed(), 'sync')?.event).toEqual({ kind: 'sync_requested', detail: {} });
  });

  it('to resume never hides a refused connection', () => {
    const refused = feed({ operator: 'paused', connection: 'refused' });
    const change = requestTransition(refused, 'resume')?.change ?? {};
    expect(feedState(changedFacts(refused.facts, change))).toBe('reauth_required');
  });
});

it('a feed that has caught up is live, and the first time is reported', () => {
  const backfilling = feed({ caughtUp: false, syncing: true });
  const { change, event } = caughtUpTransition(backfilling, { nextSyncAtMs: 5 });
  expect(change).toMatchObject({ syncedNow: true, nextSyncAtMs: 5, reason: null });
  expect(feedState(changedFacts(backfilling.facts, change))).toBe('live');
  expect(event).toEqual({ kind: 'caught_up', detail: {} });
  expect(caughtUpTransition(feed(), { nextSyncAtMs: 5 }).event).toBeNull();
});

describe('a reason', () => {
  const transient = { reason: 'provider_unavailable', detail: 'no answer', timeline: false } as const;
  const blocking = { reason: 'job_lost', detail: null, timeline: true, about: { job_id: 'j' } } as const;

  it('that blocks is reported once, with what it concerns', () => {
    expect(reasonTransition(feed(), blocking)).toEqual({
      change: { reason: 'job_lost', reasonDetail: null, syncing: false },
      event: { kind: 'feed_blocked', detail: { reason: 'job_lost', job_id: 'j' } },
    });
    expect(reasonTransition(feed({}, { reason: 'job_lost' }), blocking)?.event).toBeNull();
  });

  it('that is transient is stored without a report, and never hides one that waits for a person', () => {
    expect(reasonTransition(feed(), transient)?.event).toBeNull();
    expect(reasonTransition(feed({}, { reason: 'job_lost' }), transient)).toBeNull();
  });

  it('is dropped when the feed has caught up since', () => {
    const later = feed({}, { nextSyncAt: april });
    expect(reasonTransition(later, { ...transient, asOf: { nextSyncAt: march } })).toBeNull();
    expect(reasonTransition(later, { ...transient, asOf: { nextSyncAt: april } })).not.toBeNull();
  });
});
