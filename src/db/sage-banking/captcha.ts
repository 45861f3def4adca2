import { captchaGoodForMs } from '../../domain/sage-banking/onboarding.js';
import { transaction, type Pool } from '../pool.js';
import { takeCaptchaText, wantNewCaptcha } from './onboarding-steps.js';
import { lockSageOnboarding, type SageOnboardingRow } from './onboardings.js';

/**
 * What a person does about the captcha of an onboarding, for API and pages alike. Each is one transaction under the
 * row's lock; then tell the workflow (`SageBankingFacade.onboardingChanged`), which does what the row wants.
 */

/** A captcha that Sage may have forgotten is shown to nobody and sent for nobody. */
export function isStaleCaptcha(row: SageOnboardingRow): boolean {
  return row.state === 'waiting_captcha' && (row.captchaAgeMs ?? Infinity) >= captchaGoodForMs;
}

const expired = {
  reason: 'captcha_expired',
  message: 'The captcha was too old: please read the new one.',
} as const;

/** Somebody checks: has a stale captcha fetched again. True when it was stale. */
export async function renewStaleCaptcha(pool: Pool, input: { onboardingId: string }): Promise<boolean> {
  return await transaction(pool, async (db) => {
    const row = await lockSageOnboarding(db, input);
    if (row === null || !isStaleCaptcha(row)) return false;
    await wantNewCaptcha(db, row, expired);
    return true;
  });
}

export type CaptchaAnswer =
  /** Stored, to be sent. */
  | { readonly kind: 'taken' }
  /** It was too old, or a person wants another one: a new captcha is fetched. */
  | { readonly kind: 'renewing' }
  /** It is about a captcha that is not shown any more; nothing changed. */
  | { readonly kind: 'outdated'; readonly row: SageOnboardingRow }
  /** No captcha waits to be read. */
  | { readonly kind: 'not_waiting'; readonly row: SageOnboardingRow }
  | { readonly kind: 'unknown' };

/** Takes what a person read in the captcha; `text` null asks for another one. */
export async function answerCaptcha(
  pool: Pool,
  input: { onboardingId: string; captchaId: string | null; text: string | null },
): Promise<CaptchaAnswer> {
  const { captchaId, text } = input;
  return await transaction(pool, async (db) => {
    const row = await lockSageOnboarding(db, input);
    if (row === null) return { kind: 'unknown' };
    if (row.state === 'registering' && text === null) return { kind: 'renewing' };
    if (row.state !== 'waiting_captcha') return { kind: 'not_waiting', row };
    if (captchaId !== null && captchaId !== row.captchaId) return { kind: 'outdated', row };
    if (text !== null && !isStaleCaptcha(row)) {
      await takeCaptchaText(db, row, { text });
      return { kind: 'taken' };
    }
    await wantNewCaptcha(db, row, text === null ? null : expired);
    return { kind: 'renewing' };
  });
}
