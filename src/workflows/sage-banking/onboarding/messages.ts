import { defineSignal } from '@temporalio/workflow';

/** Input of `sageOnboardingWorkflow`; the request and its progress are stored in its row. */
export interface SageOnboardingInput {
  readonly onboardingId: string;
}

/** The row has something new: a captcha was solved, a new one requested, or an unknown outcome resolved. */
export const sageOnboardingChanged = defineSignal('sageOnboardingChanged');
