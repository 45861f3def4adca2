import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';
import type { OperatorAction } from '../domain/feed.js';
import {
  bankFeedWorkflowId,
  connectionWorkflowId,
  loginHandoffWorkflowId,
  providerCommandWorkflowId,
} from '../domain/ids.js';
import type { bankFeedWorkflow } from '../workflows/rutter/bank-feed/workflow.js';
import * as bankFeed from '../workflows/rutter/bank-feed/messages.js';
import type { connectionWorkflow } from '../workflows/rutter/connection/workflow.js';
import { connectionCheckRequested } from '../workflows/rutter/connection/messages.js';
import type { loginHandoffWorkflow } from '../workflows/rutter/login-handoff/workflow.js';
import {
  accountsShared,
  loginSucceeded,
  type LoginSucceeded,
} from '../workflows/rutter/login-handoff/messages.js';
import type { ProviderCommandInput } from '../workflows/provider-command/messages.js';
import type { providerCommandWorkflow } from '../workflows/provider-command/workflow.js';
import { callsTo, startedOnce, type Call } from './calls.js';
import { createMissingWorkflows, type MissingWorkflows } from './missing-workflows.js';

/**
 * The only way from API and pages (and from activities that wake other workflows) to Temporal. Every call is safe
 * to repeat. Record first, then call, and call even if it was recorded before: a second signal is harmless.
 * All throw `WorkflowsUnavailable` when the server does not take the message in time.
 */
export interface WorkflowFacade {
  /** Signal-with-Start `postingsAvailable`: starts the feed's workflow when it is missing. Not for closed feeds. */
  wakeFeed(input: { feedId: string }): Promise<void>;
  /** The facts in the feed's row changed (account or connection): Signal-with-Start `factsChanged`. */
  feedFactsChanged(input: { feedId: string }): Promise<void>;
  /** An operator's or the customer's request; the feed's row shows when it was done. */
  requestOfFeed(input: { feedId: string; action: OperatorAction }): Promise<void>;
  /** Signal-with-Start `loginSucceeded`. */
  loginSucceeded(input: LoginSucceeded): Promise<void>;
  /** The choice stands in the handoff's row. Answers false when the handoff is over. */
  accountsShared(input: { handoffId: string }): Promise<boolean>;
  /** Signal-with-Start `connectionCheckRequested`. */
  wakeConnection(input: { connectionId: string }): Promise<void>;
  /** Starts the command's workflow; starting it again is no second command. */
  runCommand(input: ProviderCommandInput): Promise<void>;
  /** Whether the server answers now: for readiness. */
  reachable(): Promise<boolean>;
}

const actionSignals = {
  pause: bankFeed.pauseRequested,
  resume: bankFeed.resumeRequested,
  sync: bankFeed.syncRequested,
  close: bankFeed.closeRequested,
} as const;

export function createWorkflowFacade(client: Client): WorkflowFacade & MissingWorkflows {
  const call = callsTo(client);
  const signalFeed = feedSignals(client, call);
  return {
    ...createMissingWorkflows({ client, call }),
    wakeFeed: ({ feedId }) => signalFeed(feedId, bankFeed.postingsAvailable),
    feedFactsChanged: ({ feedId }) => signalFeed(feedId, bankFeed.factsChanged),
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
    runCommand: ({ commandId, provider }) =>
      call(async () => {
        await client.workflow.start<typeof providerCommandWorkflow>('providerCommandWorkflow', {
          ...startedOnce(providerCommandWorkflowId(commandId)),
          args: [{ commandId, ...(provider === undefined ? {} : { provider }) }],
        });
      }),
    reachable: async () => {
      try {
        await call(() => client.workflowService.getSystemInfo({}));
        return true;
      } catch {
        return false;
      }
    },
  };
}

function feedSignals(client: Client, call: Call) {
  return (feedId: string, signal: SignalDefinition) =>
    call(async () => {
      await client.workflow.signalWithStart<typeof bankFeedWorkflow>('bankFeedWorkflow', {
        ...startedOnce(bankFeedWorkflowId(feedId)),
        args: [{ feedId }],
        signal,
      });
    });
}
