import type { Client } from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';
import {
  sageBankLinkWorkflowId,
  sageBankAccountWorkflowId,
  sageOnboardingWorkflowId,
  sageReprocessWorkflowId,
} from '../../domain/ids.js';
import { sageAccountCheckRequested } from '../../workflows/sage-banking/bank-account/messages.js';
import { sageOnboardingChanged } from '../../workflows/sage-banking/onboarding/messages.js';
import { callsTo, startedOnce } from '../calls.js';
import { createMissing } from '../missing-workflows.js';

/**
 * The way from API, pages and activities to the workflows of Sage's Banking Service. Every call is safe to repeat and
 * starts the workflow when it is missing; what is to be done stands in the row. Record first, then call, and call even
 * if it was recorded before. All throw `WorkflowsUnavailable` when the server does not take the message in time.
 */
export interface SageFacade {
  startOnboarding(input: { onboardingId: string }): Promise<void>;
  /** The row says what a person did: a captcha solved or wanted again, a doubt resolved. Signal-with-Start. */
  onboardingChanged(input: { onboardingId: string }): Promise<void>;
  startLink(input: { linkId: string }): Promise<void>;
  /** Check the account now: Signal-with-Start. Also tells that the row asks for its cancellation. */
  wakeAccount(input: { sageAccountId: string }): Promise<void>;
  startReprocess(input: { reprocessId: string }): Promise<void>;
  /** Of the given ids, in ascending order, those whose workflow does not run. */
  missingAccounts(input: { sageAccountIds: readonly string[] }): Promise<string[]>;
}

/**
 * Only the id of what a caller hands in goes to the workflow, where it stays for ever: callers may hold a whole row, with
 * what must not stand in a history.
 */
export function createSageFacade(client: Client): SageFacade {
  const call = callsTo(client);
  const missing = createMissing({ client, call });
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
    wakeAccount: ({ sageAccountId }) =>
      signal(
        'sageBankAccountWorkflow',
        sageBankAccountWorkflowId(sageAccountId),
        { sageAccountId },
        sageAccountCheckRequested,
      ),
    startReprocess: ({ reprocessId }) =>
      start('sageReprocessWorkflow', sageReprocessWorkflowId(reprocessId), { reprocessId }),
    missingAccounts: ({ sageAccountIds }) =>
      missing('sageBankAccountWorkflow', sageAccountIds, sageBankAccountWorkflowId),
  };
}
