import { defineSignal } from '@temporalio/workflow';

/** Input of `sageBankAccountWorkflow`; the account's data is stored in its row. */
export interface SageBankAccountInput {
  readonly sageAccountId: string;
  readonly carried?: SageBankAccountCarried;
}

export interface SageBankAccountCarried {
  /** Epoch ms since when something is awaited; a wake-up and a change of status reset it. */
  readonly waitingSinceMs: number;
  readonly status: string | null;
  /** Epoch ms of the next check. */
  readonly dueAtMs: number;
}

/** Check now: the customer re-authorized the account, or a sync or (in the account's row) a cancellation was requested. */
export const sageAccountCheckRequested = defineSignal('sageAccountCheckRequested');
