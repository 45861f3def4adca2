import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Availability } from '../domain/availability.js';
import { taskQueues } from '../domain/ids.js';
import { isTemporalError, readTemporalCause } from './cause.js';

/** Temporal did not accept the message. The row was committed before; the message may be sent again. */
export class WorkflowsUnavailable extends Error {
  constructor(cause: unknown) {
    super('Temporal did not accept the message', { cause });
    this.name = 'WorkflowsUnavailable';
  }
}

/** Whether Temporal did not take a call of a facade or of the setup. */
export function isTemporalUnavailable(error: unknown): boolean {
  return error instanceof WorkflowsUnavailable || isTemporalError(error);
}

/** A call to Temporal fails after this time; the caller answers 503 and the row stays. */
const callTimeoutMs = 5_000;

/** The client with the deadline and the error handling of every facade. */
export interface WorkflowCalls {
  readonly client: Client;
  /** Runs `work` under one deadline; every failure but "not found" becomes {@link WorkflowsUnavailable}. */
  readonly call: <T>(work: () => Promise<T>) => Promise<T>;
}

/** `availability` hears of every answer and every failure. */
export function callsTo(client: Client, availability?: Availability): WorkflowCalls {
  return {
    client,
    call: async (work) => {
      try {
        const result = await client.withDeadline(Date.now() + callTimeoutMs, work);
        availability?.succeeded();
        return result;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) {
          availability?.succeeded();
          throw error;
        }
        availability?.failed(readTemporalCause(error));
        throw new WorkflowsUnavailable(error);
      }
    },
  };
}

/** A running workflow with this id receives the message; a closed one is started again. */
export function startedOnce(workflowId: string) {
  return {
    workflowId,
    taskQueue: taskQueues.workflows,
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  } as const;
}
