import { captchaAnswered, captchaExpired, isStaleCaptcha } from '../../domain/sage-banking/transitions.js';
import { transaction, type Pool } from '../pool.js';
import { applyOnboarding, wantNewCaptcha } from './onboarding-steps.js';
import { lockSageOnboarding, type SageOnboardingRow } from './onboardings.js';

/**
 * Actions of a person on the captcha of an onboarding, for API and pages alike. Each is one transaction under the
 * row's lock. Signal the workflow afterwards (`SageBankingFacade.onboardingChanged`): it takes the row's next step.
 */

/** The captcha is about to be shown: a stale one is fetched again. Returns whether it was stale. */
export async function renewStaleCaptcha(pool: Pool, input: { onboardingId: string }): Promise<boolean> {
  return await transaction(pool, async (db) => {
    const row = await lockSageOnboarding(db, input);
    if (row === null || !isStaleCaptcha(row)) return false;
    await wantNewCaptcha(db, row, captchaExpired);
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

/** Stores the answer to the captcha; `text` null asks for another one. */
export async function answerCaptcha(
  pool: Pool,
  input: { onboardingId: string; captchaId: string | null; text: string | null },
): Promise<CaptchaAnswer> {
  return await transaction(pool, async (db) => {
    const row = await lockSageOnboarding(db, input);
    if (row === null) return { kind: 'unknown' };
    const decision = captchaAnswered(row, { captchaId: input.captchaId, text: input.text });
    if (decision.kind === 'not_waiting' || decision.kind === 'outdated') return { kind: decision.kind, row };
    if (decision.transition !== null) await applyOnboarding(db, row, decision.transition);
    return { kind: decision.kind };
  });
}
