import { defineSignal } from '@temporalio/workflow';
import type { Degraded, ReportedStatus } from '../../../domain/feed-status.js';

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
  /** What is shown of the account's reason. Absent from versions before 0.3.0. */
  readonly reason?: string | null;
  readonly degraded?: Degraded | null;
}

/** Check now: the customer re-authorized the account, or a sync or (in the account's row) a cancellation was requested. */
export const sageAccountCheckRequested = defineSignal('sageAccountCheckRequested');

/** The check under way reports: an attempt failed and is retried. */
export const sageAccountStatusReported = defineSignal<[ReportedStatus]>('sageAccountStatusReported');
