import type { Cause } from '../domain/availability.js';
import { providerCommandWorkflowId } from '../domain/ids.js';
import type { ProviderCommandInput } from '../workflows/provider-command/messages.js';
import type { providerCommandWorkflow } from '../workflows/provider-command/workflow.js';
import { startedOnce, type WorkflowCalls } from './calls.js';
import { createMissing } from './missing-workflows.js';
import { readNamespaceCause, readTemporalFindings, type TemporalFindings } from './service-checks.js';

export type { TemporalFindings } from './service-checks.js';

/**
 * The calls to Temporal that belong to no channel; `channels.ts` adds those of the channels. Every call is safe to
 * repeat. Record first, then call, and call even if it was recorded before: a second signal is harmless. All throw
 * `WorkflowsUnavailable` when the server does not accept the message in time.
 */
export interface WorkflowFacade {
  /** Starts the command's workflow; starting it again is no second command. */
  runCommand(input: ProviderCommandInput): Promise<void>;
  /** Null when the namespace can be used now, else why not: for readiness. Never throws. */
  readNamespaceCause(): Promise<Cause | null>;
  /** What the namespace lacks although it can be used. */
  readTemporalFindings(): Promise<TemporalFindings>;
}

export function createWorkflowFacade(calls: WorkflowCalls): WorkflowFacade {
  const { client, call } = calls;
  return {
    runCommand: ({ commandId, channel }) =>
      call(async () => {
        await client.workflow.start<typeof providerCommandWorkflow>('providerCommandWorkflow', {
          ...startedOnce(providerCommandWorkflowId(commandId)),
          args: [{ commandId, channel }],
        });
      }),
    readNamespaceCause: () => readNamespaceCause(calls),
    readTemporalFindings: () => readTemporalFindings(calls),
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
