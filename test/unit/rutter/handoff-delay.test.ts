import { describe, expect, it } from 'vitest';
import { delayOf } from '../../../src/domain/rutter/handoff-delay.js';
import {
  generalHandoffReasons,
  handoffReasons,
  outcomeOfReason,
  reasonOfExpiry,
} from '../../../src/domain/rutter/handoff-end.js';

describe('who keeps a customer waiting', () => {
  const at = (change: Partial<Parameters<typeof delayOf>[0]>) =>
    delayOf({ quietMs: 20_000, workedAgoMs: 0, failureCause: null, ...change });

  it('is nobody until twenty seconds after the last step that succeeded', () => {
    expect(at({ quietMs: 19_999, workedAgoMs: null, failureCause: 'provider_unavailable' })).toBeNull();
    expect(at({ quietMs: 20_000 })).toBe('provider');
  });

  it('is Rutter while a worker is at it, whatever Rutter does: slow, refusing for now, limiting', () => {
    for (const failureCause of ['provider_unavailable', 'rate_limited', null] as const) {
      expect(at({ failureCause, workedAgoMs: 15_000 })).toBe('provider');
    }
  });

  it('is our own service without a worker for three marks, or when the last attempt failed here', () => {
    expect(at({ workedAgoMs: null })).toBe('service');
    expect(at({ workedAgoMs: 15_001, failureCause: 'provider_unavailable' })).toBe('service');
    expect(at({ failureCause: 'service_unavailable' })).toBe('service');
  });
});

describe('the reason of a handoff that was not finished at its deadline', () => {
  const of = (change: Partial<Parameters<typeof reasonOfExpiry>[0]>) =>
    reasonOfExpiry({
      state: 'sharing',
      partialSharing: null,
      signInFailures: 0,
      failureCause: null,
      isWorkedOn: true,
      ...change,
    });

  it.each([
    ['not_signed_in', { state: 'opened' }],
    ['sign_in_refused', { state: 'opened', signInFailures: 1 }],
    ['not_finished', { state: 'logged_in', signInFailures: 2 }],
    ['not_finished', { partialSharing: 'asked', failureCause: 'service_unavailable' }],
    ['not_finished', { state: 'ready' }],
    ['provider_unavailable', {}],
    ['provider_unavailable', { failureCause: 'rate_limited', partialSharing: 'accepted' }],
    ['service_unavailable', { failureCause: 'service_unavailable' }],
    ['service_unavailable', { isWorkedOn: false }],
  ] as const)('is %s for %o', (reason, facts) => {
    expect(of(facts)).toBe(reason);
  });
});

it('only what the customer cancelled is counted as cancelled, and only failures of others are general', () => {
  expect(handoffReasons.filter((reason) => outcomeOfReason(reason) !== 'failed')).toEqual(['cancelled']);
  expect(new Set(handoffReasons).size).toBe(handoffReasons.length);
  for (const reason of ['cancelled', 'declined', 'not_finished', 'not_signed_in', 'link_refused']) {
    expect(generalHandoffReasons).not.toContain(reason);
  }
});
