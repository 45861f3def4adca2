import { recordOnboardingFailure } from '../../../db/sage-banking/onboarding-steps.js';
import type { SageBankingDeps } from '../deps.js';
import { underLock } from './step.js';

/*
 * A step of an onboarding failed in a way that nobody foresaw, and went on failing: its row says so, for people and for
 * the alert. A repeat is safe: it is recorded once. In doubt, or with a captcha that waits for a person, the row keeps what
 * it says. Failures: DatabaseUnavailable (retried).
 */

export interface RecordOnboardingFailureInput {
  readonly onboardingId: string;
}

export function dbRecordOnboardingFailure(deps: SageBankingDeps) {
  return async ({ onboardingId }: RecordOnboardingFailureInput): Promise<void> => {
    await underLock({ deps, row: { onboardingId } }, async (db, locked) => {
      if (locked.state !== 'registering' && locked.state !== 'creating') return;
      await recordOnboardingFailure(db, locked, { reason: 'unexpected', message });
    });
  };
}

const message = 'A step failed for a reason that is ours to find. It is tried again, at last every hour.';
