import { defineSignal } from '@temporalio/workflow';

/** Input of `sageOnboardingWorkflow`; the order and what came of it stand in its row. */
export interface SageOnboardingInput {
  readonly onboardingId: string;
}

/** A person did something that stands in the row: solved the captcha, wants a new one, resolved a doubt. */
export const sageOnboardingChanged = defineSignal('sageOnboardingChanged');
