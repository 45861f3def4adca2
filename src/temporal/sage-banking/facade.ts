import { WorkflowNotFoundError } from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';
import {
  sageBankAccountWorkflowId,
  sageBankLinkWorkflowId,
  sageOnboardingWorkflowId,
  sageReprocessWorkflowId,
} from '../../domain/ids.js';
import type { ReportedStatus } from '../../domain/feed-status.js';
import {
  sageAccountCheckRequested,
  sageAccountStatusReported,
} from '../../workflows/sage-banking/bank-account/messages.js';
import { sageOnboardingChanged } from '../../workflows/sage-banking/onboarding/messages.js';
import { startedOnce, type WorkflowCalls } from '../calls.js';
import { createMissing } from '../missing-workflows.js';

/**
 * The calls to the workflows of the `sage-banking` channel; for their rules see `WorkflowFacade`. Each starts the workflow
 * when it is missing; what is to be done is stored in the row.
 */
export interface SageBankingFacade {
  startOnboarding(input: { onboardingId: string }): Promise<void>;
  /** The row says what a person did: read a captcha, asked for a new one, resolved an unknown outcome. Signal-with-Start. */
  onboardingChanged(input: { onboardingId: string }): Promise<void>;
  startLink(input: { linkId: string }): Promise<void>;
  /** A check reports the status of its account: signals the running workflow; without one it does nothing. */
  accountStatusReported(input: { sageAccountId: string; status: ReportedStatus }): Promise<void>;
  /** Check the account now, or cancel it if its row asks for that: Signal-with-Start. */
  wakeAccount(input: { sageAccountId: string }): Promise<void>;
  startReprocess(input: { reprocessId: string }): Promise<void>;
}

/** Of the given ids, in ascending order, those whose workflow does not run. */
export interface SageBankingMissingWorkflows {
  missingAccounts(input: { sageAccountIds: readonly string[] }): Promise<string[]>;
}

/**
 * Only the id goes from a caller's argument to the workflow, whose history keeps it for ever: callers may hold a whole
 * row, with fields that must not be in a history.
 */
export function createSageBankingFacade({ client, call }: WorkflowCalls): SageBankingFacade {
  const start = (type: string, workflowId: string, input: object) =>
    call(async () => {
      await client.workflow.start(type, { ...startedOnce(workflowId), args: [input] });
    });
  const signal = (type: string, workflowId: string, input: object, definition: SignalDefinition) =>
    call(async () => {
      await client.workflow.signalWithStart(type, {
        ...startedOnce(workflowId),
        args: [input],
        signal: definition,
      });
    });
  return {
    startOnboarding: ({ onboardingId }) =>
      start('sageOnboardingWorkflow', sageOnboardingWorkflowId(onboardingId), { onboardingId }),
    onboardingChanged: ({ onboardingId }) =>
      signal(
        'sageOnboardingWorkflow',
        sageOnboardingWorkflowId(onboardingId),
        { onboardingId },
        sageOnboardingChanged,
      ),
    startLink: ({ linkId }) => start('sageBankLinkWorkflow', sageBankLinkWorkflowId(linkId), { linkId }),
    accountStatusReported: async ({ sageAccountId, status }) => {
      const handle = client.workflow.getHandle(sageBankAccountWorkflowId(sageAccountId));
      try {
        await call(() => handle.signal(sageAccountStatusReported, status));
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
    wakeAccount: ({ sageAccountId }) =>
      signal(
        'sageBankAccountWorkflow',
        sageBankAccountWorkflowId(sageAccountId),
        { sageAccountId },
        sageAccountCheckRequested,
      ),
    startReprocess: ({ reprocessId }) =>
      start('sageReprocessWorkflow', sageReprocessWorkflowId(reprocessId), { reprocessId }),
  };
}

export function createSageBankingMissingWorkflows(calls: WorkflowCalls): SageBankingMissingWorkflows {
  const missing = createMissing(calls);
  return {
    missingAccounts: ({ sageAccountIds }) =>
      missing({
        type: 'sageBankAccountWorkflow',
        ids: sageAccountIds,
        workflowIdOf: sageBankAccountWorkflowId,
      }),
  };
}
