import { defineSignal } from '@temporalio/workflow';

/** Input of `sageBankAccountWorkflow`; what is known of the account stands in its row. */
export interface SageBankAccountInput {
  readonly sageAccountId: string;
}

/** Look now: somebody re-authorised, asked for a sync, or asked for the end in the account's row. */
export const sageAccountNudged = defineSignal('sageAccountNudged');
