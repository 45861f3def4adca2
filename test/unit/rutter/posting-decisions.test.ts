import { describe, expect, it } from 'vitest';
import {
  deliveryStatuses,
  type DeliveryStatus,
  type HoldReason,
} from '../../../src/domain/rutter/delivery-status.js';
import {
  allowedPostingActions,
  discardDecision,
  holdDecision,
  mayHaveBlocked,
  releaseDecision,
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
