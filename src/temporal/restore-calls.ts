import {
  WorkflowNotFoundError,
  type WorkflowExecutionDescription,
  type WorkflowExecutionInfo,
} from '@temporalio/client';
import { searchAttributeNames } from '../domain/search-attributes.js';
import type { WorkflowCalls } from './calls.js';

/** A workflow as a list shows it. */
export interface ListedWorkflow {
  readonly workflowId: string;
  readonly runId: string;
  /** What it last showed, by its search attributes; null where it shows none. */
  readonly feedState: string | null;
  readonly customerId: string | null;
}

/** What is asked of Temporal after a restore of the database. Every call, and every page of a list, has a deadline. */
export interface RestoreCalls {
  listRunning(input: { type: string }): AsyncIterable<readonly ListedWorkflow[]>;
  listClosedSince(input: { type: string; since: string }): AsyncIterable<readonly ListedWorkflow[]>;
  readRunning(input: { workflowId: string }): Promise<ListedWorkflow | null>;
  endWorkflow(input: { workflowId: string; runId: string; reason: string }): Promise<void>;
}

/** What the server gives in one page of a list, and what one page is here. */
const pageSize = 1_000;
const closedState = 'closed';

export function createRestoreCalls({ client, call }: WorkflowCalls): RestoreCalls {
  async function* pages(query: string): AsyncIterable<readonly ListedWorkflow[]> {
    const listing = client.workflow.list({ query, pageSize })[Symbol.asyncIterator]();
    let page: ListedWorkflow[];
    do {
      // The deadline is of one page: how many there are is not known.
      page = await call(() => takePage(listing));
      if (page.length > 0) yield page;
    } while (page.length === pageSize);
  }
  return {
    listRunning: ({ type }) => pages(`WorkflowType = '${type}' AND ExecutionStatus = 'Running'`),
    listClosedSince: ({ type, since }) =>
      pages(
        `WorkflowType = '${type}' AND ExecutionStatus = 'Completed' ` +
          `AND ${searchAttributeNames.feedState} = '${closedState}' AND CloseTime >= '${since}'`,
      ),
    readRunning: async ({ workflowId }) => {
      try {
        const described = await call(() => client.workflow.getHandle(workflowId).describe());
        const { name } = described.status;
        return name === 'RUNNING' || name === 'PAUSED' ? listed(described) : null;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    },
    endWorkflow: async ({ workflowId, runId, reason }) => {
      try {
        await call(() => client.workflow.getHandle(workflowId, runId).terminate(reason));
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
  };
}

async function takePage(listing: AsyncIterator<WorkflowExecutionInfo>): Promise<ListedWorkflow[]> {
  const page: ListedWorkflow[] = [];
  while (page.length < pageSize) {
    const next = await listing.next();
    if (next.done === true) break;
    page.push(listed(next.value));
  }
  return page;
}

function listed(workflow: WorkflowExecutionInfo | WorkflowExecutionDescription): ListedWorkflow {
  const { workflowId, runId, typedSearchAttributes } = workflow;
  const attributes = new Map(
    typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value] as const),
  );
  const text = (name: string): string | null => {
    const value = attributes.get(name);
    return typeof value === 'string' ? value : null;
  };
  return {
    workflowId,
    runId,
    feedState: text(searchAttributeNames.feedState),
    customerId: text(searchAttributeNames.customerId),
  };
}
