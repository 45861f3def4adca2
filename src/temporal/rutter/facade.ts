import { WorkflowNotFoundError } from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';
import type { OperatorAction } from '../../domain/feed.js';
import type { ReportedStatus } from '../../domain/feed-status.js';
import { bankFeedWorkflowId, connectionWorkflowId, loginHandoffWorkflowId } from '../../domain/ids.js';
import * as bankFeed from '../../workflows/rutter/bank-feed/messages.js';
import type { bankFeedWorkflow } from '../../workflows/rutter/bank-feed/workflow.js';
import { connectionCheckRequested } from '../../workflows/rutter/connection/messages.js';
import type { connectionWorkflow } from '../../workflows/rutter/connection/workflow.js';
import {
  accountsShared,
  loginSucceeded,
  type LoginSucceeded,
} from '../../workflows/rutter/login-handoff/messages.js';
import type { loginHandoffWorkflow } from '../../workflows/rutter/login-handoff/workflow.js';
import { startedOnce, type WorkflowCalls } from '../calls.js';
import { createMissing } from '../missing-workflows.js';

/** The calls to the workflows of the `rutter` channel; for their rules see `WorkflowFacade`. */
export interface RutterFacade {
  /** Signal-with-Start `postingsAvailable`: starts the feed's workflow when it is missing. Not for closed feeds. */
  wakeFeed(input: { feedId: string }): Promise<void>;
  /** The facts in the feed's row changed (account or connection): Signal-with-Start `factsChanged`. */
  feedFactsChanged(input: { feedId: string }): Promise<void>;
  /** A delivery run reports the status of its feed: signals the running workflow; without one it does nothing. */
  feedStatusReported(input: { feedId: string; status: ReportedStatus }): Promise<void>;
  /** An operator's or the customer's request; the feed's row shows when it was done. */
  requestOfFeed(input: { feedId: string; action: OperatorAction }): Promise<void>;
  /** Signal-with-Start `loginSucceeded`. */
  loginSucceeded(input: LoginSucceeded): Promise<void>;
  /** The choice is stored in the handoff's row. Answers false when the handoff is over. */
  accountsShared(input: { handoffId: string }): Promise<boolean>;
  /** Signal-with-Start `connectionCheckRequested`. */
  wakeConnection(input: { connectionId: string }): Promise<void>;
}

/** Of the given ids, in ascending order, those whose workflow does not run. */
export interface RutterMissingWorkflows {
  missingFeeds(input: { feedIds: readonly string[] }): Promise<string[]>;
  missingConnections(input: { connectionIds: readonly string[] }): Promise<string[]>;
  missingHandoffs(input: { handoffIds: readonly string[] }): Promise<string[]>;
}

const actionSignals = {
  pause: bankFeed.pauseRequested,
  resume: bankFeed.resumeRequested,
  sync: bankFeed.syncRequested,
  close: bankFeed.closeRequested,
} as const;

export function createRutterFacade(calls: WorkflowCalls): RutterFacade {
  const { client, call } = calls;
  const signalFeed = feedSignals(calls);
  return {
    wakeFeed: ({ feedId }) => signalFeed(feedId, bankFeed.postingsAvailable),
    feedFactsChanged: ({ feedId }) => signalFeed(feedId, bankFeed.factsChanged),
    feedStatusReported: async ({ feedId, status }) => {
      const handle = client.workflow.getHandle(bankFeedWorkflowId(feedId));
      try {
        await call(() => handle.signal(bankFeed.statusReported, status));
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
    requestOfFeed: ({ feedId, action }) => signalFeed(feedId, actionSignals[action]),
    loginSucceeded: (input) =>
      call(async () => {
        await client.workflow.signalWithStart<typeof loginHandoffWorkflow, [LoginSucceeded]>(
          'loginHandoffWorkflow',
          {
            ...startedOnce(loginHandoffWorkflowId(input.handoffId)),
            args: [{ handoffId: input.handoffId }],
            signal: loginSucceeded,
            signalArgs: [input],
          },
        );
      }),
    accountsShared: async ({ handoffId }) => {
      try {
        await call(() => client.workflow.getHandle(loginHandoffWorkflowId(handoffId)).signal(accountsShared));
        return true;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },
    wakeConnection: ({ connectionId }) =>
      call(async () => {
        await client.workflow.signalWithStart<typeof connectionWorkflow>('connectionWorkflow', {
          ...startedOnce(connectionWorkflowId(connectionId)),
          args: [{ connectionId }],
          signal: connectionCheckRequested,
        });
      }),
  };
}

export function createRutterMissingWorkflows(calls: WorkflowCalls): RutterMissingWorkflows {
  const missing = createMissing(calls);
  return {
    missingFeeds: ({ feedIds }) =>
      missing({ type: 'bankFeedWorkflow', ids: feedIds, workflowIdOf: bankFeedWorkflowId }),
    missingConnections: ({ connectionIds }) =>
      missing({ type: 'connectionWorkflow', ids: connectionIds, workflowIdOf: connectionWorkflowId }),
    missingHandoffs: ({ handoffIds }) =>
      missing({ type: 'loginHandoffWorkflow', ids: handoffIds, workflowIdOf: loginHandoffWorkflowId }),
  };
}

function feedSignals({ client, call }: WorkflowCalls) {
  return (feedId: string, signal: SignalDefinition) =>
    call(async () => {
      await client.workflow.signalWithStart<typeof bankFeedWorkflow>('bankFeedWorkflow', {
        ...startedOnce(bankFeedWorkflowId(feedId)),
        args: [{ feedId }],
        signal,
      });
    });
}
