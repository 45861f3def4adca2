import { describe, expect, it } from 'vitest';
import {
  deliveryStatuses,
  type DeliveryStatus,
  type HoldReason,
} from '../../../src/domain/rutter/delivery-status.js';
import {
  allowedPostingActions,
  discardDecision,
  feedObstacle,
  holdDecision,
  mayHaveBlocked,
  releaseDecision,
  sendObstacle,
  type DecidableFeed,
  type DecidablePosting,
} from '../../../src/domain/rutter/posting-decisions.js';

describe('a decision on a posting', () => {
  const release = { amount: '1.00', description: null, payee: null, transactionType: null, reason: 'typo' };
  const posting = (change: Partial<DecidablePosting> = {}): DecidablePosting => ({
    deliveryStatus: 'quarantined',
    holdReason: null,
    exception: 'quarantined',
    release: null,
    ...change,
  });
  const quarantined = { release, hasBlocked: false };

  it('releases a quarantined one from the ledger, and not one with other content at Rutter', () => {
    expect(releaseDecision(posting(), quarantined)).toBe('from_ledger');
    expect(releaseDecision(posting({ exception: 'conflict' }), quarantined)).toBe('wrong_delivery_status');
  });

  it('is a repeat with the same content and reason, and another release with another', () => {
    for (const deliveryStatus of ['ready', 'batched', 'delivered', 'before_start'] as const) {
      const released = posting({ deliveryStatus, exception: null, release });
      expect(releaseDecision(released, quarantined)).toBe('repeated');
      const other = { release: { ...release, amount: '2.00' }, hasBlocked: false };
      expect(releaseDecision(released, other)).toBe('wrong_delivery_status');
    }
    expect(releaseDecision(posting({ release }), quarantined)).toBe('from_ledger');
  });

  it('is possible for a ready posting that blocked its feed', () => {
    const ready = posting({ deliveryStatus: 'ready', exception: null });
    expect(mayHaveBlocked({ reason: 'rejected_by_provider' }, ready)).toBe(true);
    expect(mayHaveBlocked({ reason: 'job_lost' }, ready)).toBe(false);
    expect(mayHaveBlocked({ reason: 'rejected_by_provider' }, posting())).toBe(false);
    expect(releaseDecision(ready, { release, hasBlocked: true })).toBe('as_ready');
    expect(discardDecision(ready, { hasBlocked: true })).toBe('keep_back');
  });

  it('discards once', () => {
    expect(discardDecision(posting(), { hasBlocked: false })).toBe('in_ledger');
    expect(discardDecision(posting({ deliveryStatus: 'discarded' }), { hasBlocked: false })).toBe('repeated');
  });

  it('holds back what is in no batch, and nothing that is on its way, at Sage, refused or withdrawn', () => {
    const possible: DeliveryStatus[] = ['ready', 'before_start', 'held'];
    for (const deliveryStatus of deliveryStatuses) {
      const plain = posting({
        deliveryStatus,
        exception: null,
        holdReason: heldAs(deliveryStatus, 'pending'),
      });
      expect([deliveryStatus, holdDecision(plain)]).toEqual([
        deliveryStatus,
        possible.includes(deliveryStatus) ? 'hold' : 'wrong_delivery_status',
      ]);
    }
  });

  it.each(['operator', 'possible_duplicate'] as const)(
    'releases or discards what is held as %s, and holding it again is a repeat',
    (holdReason) => {
      const held = posting({ deliveryStatus: 'held', exception: null, holdReason });
      expect(holdDecision(held)).toBe('repeated');
      expect(releaseDecision(held, quarantined)).toBe('from_hold');
      expect(releaseDecision({ ...held, release }, quarantined)).toBe('from_hold');
      expect(discardDecision(held, { hasBlocked: false })).toBe('keep_back');
      expect(allowedPostingActions(held)).toEqual(['release', 'discard']);
    },
  );

  it('leaves a pending one to core banking: it is neither released nor discarded', () => {
    const pending = posting({ deliveryStatus: 'held', exception: null, holdReason: 'pending' });
    expect(releaseDecision(pending, quarantined)).toBe('wrong_delivery_status');
    expect(discardDecision(pending, { hasBlocked: false })).toBe('wrong_delivery_status');
    expect(allowedPostingActions(pending)).toEqual(['hold']);
  });

  it('names for every delivery status exactly what it then allows', () => {
    for (const deliveryStatus of deliveryStatuses) {
      const exceptions = deliveryStatus === 'quarantined' ? ['quarantined', 'conflict'] : [null];
      for (const exception of exceptions) {
        const each = posting({ deliveryStatus, exception, holdReason: heldAs(deliveryStatus, 'operator') });
        const possible = [
          holdDecision(each) === 'hold' ? 'hold' : '',
          /^from/.test(releaseDecision(each, quarantined)) ? 'release' : '',
          /keep_back|in_ledger/.test(discardDecision(each, { hasBlocked: false })) ? 'discard' : '',
        ];
        expect(allowedPostingActions(each)).toEqual(possible.filter((action) => action !== ''));
      }
    }
  });
});

function heldAs(deliveryStatus: DeliveryStatus, holdReason: HoldReason): HoldReason | null {
  return deliveryStatus === 'held' ? holdReason : null;
}

describe('a feed', () => {
  const facts: DecidableFeed['facts'] = {
    operator: 'running',
    connection: 'ok',
    account: 'active',
    published: true,
    caughtUp: true,
    syncing: false,
  };
  const feed = (
    change: Partial<DecidableFeed['facts']>,
    rest: Partial<DecidableFeed> = {},
  ): DecidableFeed => ({
    facts: { ...facts, ...change },
    closedBy: null,
    closedOn: null,
    isUnlinking: false,
    ...rest,
  });
  const closed = { operator: 'closed' } as const;
  const withAccount = { closedBy: 'account', closedOn: '2026-03-01' } as const;

  it.each([
    ['runs', feed({}), null, null],
    ['is paused', feed({ operator: 'paused' }), null, null],
    ['is closed by a request', feed(closed, { closedBy: 'request' }), 'feed_closed', 'feed_closed'],
    ['was closed by version 0.2', feed(closed), 'feed_closed', 'feed_closed'],
    ['closed with its connection', feed(closed, { closedBy: 'connection' }), 'feed_closed', 'feed_closed'],
    ['closed with its account', feed(closed, withAccount), null, null],
    ['and is inactive in Sage', feed({ ...closed, account: 'inactive' }, withAccount), null, 'feed_closed'],
    ['and was never chosen', feed({ ...closed, account: 'waiting' }, withAccount), null, 'feed_closed'],
    [
      'and whose account is open again',
      feed({ ...closed, account: 'inactive' }, { ...withAccount, closedOn: null }),
      null,
      null,
    ],
    ['loses its connection', feed({}, { isUnlinking: true }), null, 'connection_unlinking'],
  ])('that %s allows a discard or a release, or says why not', (_, each, discard, release) => {
    expect(feedObstacle(each, 'discard')).toBe(discard);
    expect(feedObstacle(each, 'hold')).toBe(discard);
    expect(feedObstacle(each, 'release')).toBe(release);
  });

  it('names the first thing that must happen before it sends what is ready', () => {
    const of = (change: Partial<DecidableFeed['facts']>, reason: string | null = null) =>
      sendObstacle({ facts: { ...facts, ...change }, reason });
    expect(of({})).toBeNull();
    expect(of({}, 'provider_unavailable')).toBeNull();
    expect(of({}, 'job_lost')).toBe('feed_unblocked');
    expect(of({ operator: 'paused', connection: 'refused' })).toBe('feed_resumed');
    expect(of({ connection: 'refused' }, 'job_lost')).toBe('connection_authorized');
    expect(of({ account: 'inactive' })).toBe('account_connected_in_sage');
    expect(of({ account: 'waiting' })).toBe('account_chosen_in_sage');
    expect(of({ published: false })).toBe('account_chosen_in_sage');
  });
});
