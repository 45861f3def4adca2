import { providerCommandWorkflowId } from '../domain/ids.js';
import type { ProviderCommandInput } from '../workflows/provider-command/messages.js';
import type { providerCommandWorkflow } from '../workflows/provider-command/workflow.js';
import { startedOnce, type WorkflowCalls } from './calls.js';
import { createMissing } from './missing-workflows.js';

/**
 * The calls to Temporal that belong to no channel; `channels.ts` adds those of the channels. Every call is safe to
 * repeat. Record first, then call, and call even if it was recorded before: a second signal is harmless. All throw
 * `WorkflowsUnavailable` when the server does not accept the message in time.
 */
export interface WorkflowFacade {
  /** Starts the command's workflow; starting it again is no second command. */
  runCommand(input: ProviderCommandInput): Promise<void>;
  /** Whether the server answers now: for readiness. Never throws. */
  reachable(): Promise<boolean>;
}

export function createWorkflowFacade({ client, call }: WorkflowCalls): WorkflowFacade {
  return {
    runCommand: ({ commandId, channel }) =>
      call(async () => {
        await client.workflow.start<typeof providerCommandWorkflow>('providerCommandWorkflow', {
          ...startedOnce(providerCommandWorkflowId(commandId)),
          args: [{ commandId, channel }],
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

/** Of the given ids, in ascending order, those whose workflow does not run. */
export interface SharedMissingWorkflows {
  missingCommands(input: { commandIds: readonly string[] }): Promise<string[]>;
}

export function createSharedMissingWorkflows(calls: WorkflowCalls): SharedMissingWorkflows {
  const missing = createMissing(calls);
  const type = 'providerCommandWorkflow';
  return {
    missingCommands: ({ commandIds }) =>
      missing({ type, ids: commandIds, workflowIdOf: providerCommandWorkflowId }),
  };
}
