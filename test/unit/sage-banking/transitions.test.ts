import { describe, expect, it } from 'vitest';
import { captchaFailuresMax, captchaGoodForMs } from '../../../src/domain/sage-banking/onboarding.js';
import {
  accountFailing,
  awaitsAuthorization,
  mayRequestCancellation,
  statusChanged,
  type AccountSnapshot,
} from '../../../src/domain/sage-banking/account-transitions.js';
import {
  begunAgain,
  captchaAnswered,
  captchaAnsweredWrongly,
  captchaShown,
  companyCreated,
  createSent,
  failureMet,
  isStaleCaptcha,
  newCaptchaWanted,
  onboardingReady,
  onboardingRefused,
  outcomeUnknown,
  resolutionEntered,
  resolutionRefused,
  type OnboardingSnapshot,
} from '../../../src/domain/sage-banking/transitions.js';

function onboarding(change: Partial<OnboardingSnapshot> = {}): OnboardingSnapshot {
  return {
    kind: 'desktop',
    state: 'registering',
    captchaId: null,
    captchaAgeMs: null,
    captchaFailures: 0,
    registeredAgain: false,
    createSentAt: null,
    reason: null,
    ...change,
  };
}
const waiting = onboarding({ state: 'waiting_captcha', captchaId: 'c', captchaAgeMs: 1_000 });

describe('a captcha', () => {
  it('is shown without the reason of a failure that is over, and with the reason why it is not the first', () => {
    const captcha = { captchaId: 'c', image: 'data:' };
    const over = captchaShown(onboarding({ reason: 'provider_unavailable' }), captcha).change;
    expect(over).toMatchObject({ state: 'waiting_captcha', captchaReceivedAt: 'now', reason: null });
    for (const reason of ['captcha_wrong', 'captcha_expired', 'registration_expired'] as const)
      expect(captchaShown(onboarding({ reason }), captcha).change).not.toHaveProperty('reason');
  });

  it('is stale as soon as Sage may have forgotten it', () => {
    expect(isStaleCaptcha({ ...waiting, captchaAgeMs: captchaGoodForMs - 1 })).toBe(false);
    expect(isStaleCaptcha({ ...waiting, captchaAgeMs: captchaGoodForMs })).toBe(true);
    expect(isStaleCaptcha(onboarding({ captchaAgeMs: captchaGoodForMs }))).toBe(false);
  });

  it('that was read is sent, unless it is stale', () => {
    const answer = { captchaId: 'c', text: 'abc' };
    expect(captchaAnswered(waiting, answer)).toMatchObject({
      kind: 'taken',
      transition: { change: { state: 'creating', captchaText: 'abc', personActedAt: 'now' } },
    });
    expect(captchaAnswered({ ...waiting, captchaAgeMs: captchaGoodForMs }, answer)).toMatchObject({
      kind: 'renewing',
      transition: { change: { state: 'registering', reason: 'captcha_expired', captchaId: null } },
    });
  });

  it('that is not shown any more, or not awaited, changes nothing', () => {
    expect(captchaAnswered(waiting, { captchaId: 'earlier', text: 'abc' })).toEqual({ kind: 'outdated' });
    expect(captchaAnswered(onboarding({ state: 'creating' }), { captchaId: 'c', text: 'abc' })).toEqual({
      kind: 'not_waiting',
    });
  });

  it('is renewed when a person asks for another one, once', () => {
    const another = { captchaId: null, text: null };
    expect(captchaAnswered(waiting, another)).toMatchObject({
      kind: 'renewing',
      transition: { event: { detail: { because: 'asked' } } },
    });
    expect(captchaAnswered(onboarding(), another)).toEqual({ kind: 'renewing', transition: null });
  });

  it('that was read wrongly is counted, and a renewed registration is remembered', () => {
    const wrong = newCaptchaWanted(waiting, { reason: 'captcha_wrong', message: 'no' });
    expect(wrong.change).toMatchObject({ captchaFailures: 1, registeredAgain: false, createSentAt: null });
    const expired = newCaptchaWanted(waiting, { reason: 'registration_expired', message: 'no' });
    expect(expired.change).toMatchObject({ captchaFailures: 0, registeredAgain: true });
    const known = newCaptchaWanted({ ...waiting, registeredAgain: true }, null);
    expect(known.change).toMatchObject({ registeredAgain: true });
  });

  it('that was read wrongly is fetched again, until there were too many wrong answers', () => {
    const last = captchaFailuresMax - 1;
    expect(captchaAnsweredWrongly({ ...waiting, captchaFailures: last - 1 })).toMatchObject({
      change: { state: 'registering', reason: 'captcha_wrong', captchaFailures: last },
    });
    expect(captchaAnsweredWrongly({ ...waiting, captchaFailures: last })).toMatchObject({
      change: { state: 'refused', reason: 'captcha_failed', licenceSealed: null },
      event: { kind: 'sage_onboarding_refused', detail: { failures: captchaFailuresMax } },
    });
  });
});

describe('the POST that creates', () => {
  it('is marked, and the mark is cleared only by an answer', () => {
    expect(createSent().change).toEqual({ createSentAt: 'now' });
    const failure = { reason: 'provider_unavailable', message: 'later' } as const;
    expect(failureMet(onboarding(), failure).change).not.toHaveProperty('createSentAt');
    expect(failureMet(onboarding(), { ...failure, notCreated: true }).change).toMatchObject({
      state: 'creating',
      createSentAt: null,
    });
    expect(companyCreated({ organisationId: 'o', companyId: 'c' }).change).toMatchObject({
      state: 'creating',
      createSentAt: null,
    });
  });

  it('with an unknown outcome puts the onboarding in doubt and keeps the mark', () => {
    const { change, event } = outcomeUnknown(onboarding({ createSentAt: '2026-03-01T00:00:00Z' }), {
      message: 'lost',
    });
    expect(change).toMatchObject({ state: 'in_doubt', reason: 'answer_lost' });
    expect(change).not.toHaveProperty('createSentAt');
    expect(event?.detail).toEqual({ create_sent_at: '2026-03-01T00:00:00Z' });
  });

  it('is not reported again for the same failure', () => {
    const failure = { reason: 'provider_unavailable', message: 'later' } as const;
    expect(failureMet(onboarding(), failure).event).not.toBeNull();
    expect(failureMet(onboarding({ reason: 'provider_unavailable' }), failure).event).toBeNull();
  });
});

describe('a resolution', () => {
  it('reopens an onboarding that was refused, and no other', () => {
    const entered = { resolutionSealed: 'sealed' };
    expect(resolutionEntered(onboarding({ state: 'refused' }), entered).change.state).toBe('in_doubt');
    expect(resolutionEntered(onboarding({ state: 'in_doubt' }), entered).change).toEqual({
      resolutionSealed: 'sealed',
      personActedAt: 'now',
    });
  });

  it('that is not confirmed leaves the outcome unknown', () => {
    const { change } = resolutionRefused({ message: 'no', detail: {} });
    expect(change).toEqual({ resolutionSealed: null, reason: 'resolution_refused', message: 'no' });
  });

  it('that nothing was created begins again, for each kind at its first step', () => {
    expect(begunAgain(onboarding({ kind: 'cloud' })).change.state).toBe('creating');
    expect(begunAgain(onboarding()).change).toMatchObject({ state: 'registering', captchaFailures: 0 });
  });
});

it('an ended onboarding keeps no secret', () => {
  const ends = [onboardingReady(), onboardingRefused({ reason: 'organisation_limit', message: 'full' })];
  for (const { change } of ends)
    expect(change).toMatchObject({
      licenceSealed: null,
      resolutionSealed: null,
      captchaText: null,
      captchaImage: null,
      createSentAt: null,
    });
});

describe('an account', () => {
  const account = (change: Partial<AccountSnapshot> = {}): AccountSnapshot => ({
    status: 'active',
    reason: null,
    cancelRequestedAt: null,
    ...change,
  });

  it('reports a change of status, and whether its end was requested', () => {
    expect(statusChanged(account(), 'active')).toBeNull();
    expect(statusChanged(account(), 'authRequired')?.detail).toEqual({
      from: 'active',
      to: 'authRequired',
      asked: false,
    });
    const requested = account({ cancelRequestedAt: '2026-03-01T00:00:00Z' });
    expect(statusChanged(requested, 'cancelled')?.detail).toMatchObject({ asked: true });
  });

  it('that is cancelled stays so', () => {
    const cancelled = account({ status: 'cancelled' });
    expect(statusChanged(cancelled, 'active')).toBeNull();
    expect(accountFailing(cancelled, 'provider_unavailable')).toBeNull();
    expect(mayRequestCancellation(cancelled)).toBe(false);
  });

  it('reports a reason once', () => {
    expect(accountFailing(account(), 'provider_unavailable')?.event).not.toBeNull();
    const failing = account({ reason: 'provider_unavailable' });
    expect(accountFailing(failing, 'provider_unavailable')).toEqual({ event: null });
  });

  it('is asked for its end once', () => {
    expect(mayRequestCancellation(account())).toBe(true);
    expect(mayRequestCancellation(account({ cancelRequestedAt: '2026-03-01T00:00:00Z' }))).toBe(false);
  });

  it('has an authorisation only while one is awaited', () => {
    const statuses = ['pending', 'active', 'authRequired', 'cancelled'] as const;
    expect(statuses.filter(awaitsAuthorization)).toEqual(['pending', 'authRequired']);
  });
});
