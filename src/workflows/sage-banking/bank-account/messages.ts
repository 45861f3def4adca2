import { defineSignal } from '@temporalio/workflow';

/** Input of `sageBankAccountWorkflow`; what is known of the account stands in its row. */
export interface SageBankAccountInput {
  readonly sageAccountId: string;
  readonly carried?: SageBankAccountCarried;
}

export interface SageBankAccountCarried {
  /** Epoch ms since when something is awaited: a wake-up and a change of status set it again. */
  readonly waitingSinceMs: number;
  readonly status: string | null;
  /** Epoch ms of the next check. */
  readonly dueAtMs: number;
}

/** Look now: somebody re-authorised, asked for a sync, or asked for the end in the account's row. */
export const sageAccountCheckRequested = defineSignal('sageAccountCheckRequested');
