import { recordOnboardingFailure } from '../../../db/sage-banking/onboarding-steps.js';
import type { SageBankingDeps } from '../deps.js';
import { underLock } from './step.js';

/*
 * Records in its row that a step of an onboarding keeps failing unexpectedly, for operators and for the alert. A repeat is
 * safe: it is recorded once. A row that is `in_doubt` or waits for a captcha stays unchanged. Failures: DatabaseUnavailable (retried).
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
