import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import pLimit from 'p-limit';
import type { Call } from './calls.js';
import { bankFeedWorkflowId, connectionWorkflowId } from '../domain/ids.js';

/** Which of the workflows that should run do not. */
export interface MissingWorkflows {
  /** Of the given ids, in ascending order, those whose workflow does not run. */
  missingFeeds(input: { feedIds: readonly string[] }): Promise<string[]>;
  missingConnections(input: { connectionIds: readonly string[] }): Promise<string[]>;
}

/** What the server gives in one page of a list. */
const listPageSize = 1_000;
/** A range holds little more than what was asked for; a list that goes on is of another fixture. */
const listedMax = 20 * listPageSize;
const describedAtOnce = 10;

export function createMissingWorkflows(calls: Calls): MissingWorkflows {
  const missing = createMissing(calls);
  return {
    missingFeeds: ({ feedIds }) => missing('bankFeedWorkflow', feedIds, bankFeedWorkflowId),
    missingConnections: ({ connectionIds }) =>
      missing('connectionWorkflow', connectionIds, connectionWorkflowId),
  };
}

/**
 * Which of some ids have no running workflow. The list of running workflows is cheap but lags behind; so what is not in
 * it is asked for one by one, which is exact. The text of uuids sorts like the uuids, so a page of ids is one range of
 * workflow ids.
 */
export function createMissing(calls: Calls) {
  return async (
    type: string,
    ids: readonly string[],
    workflowIdOf: (id: string) => string,
  ): Promise<string[]> => {
    const [first, last] = [ids[0], ids.at(-1)];
    if (first === undefined || last === undefined) return [];
    const listed = await listRunning(calls, { type, from: workflowIdOf(first), to: workflowIdOf(last) });
    const absent = ids.filter((id) => !listed.has(workflowIdOf(id)));
    const limit = pLimit(describedAtOnce);
    const running = await limit.map(absent, (id) => isRunning(calls, workflowIdOf(id)));
    return absent.filter((_, index) => running[index] === false);
  };
}

interface Calls {
  readonly client: Client;
  readonly call: Call;
}

async function listRunning(
  { client, call }: Calls,
  range: { type: string; from: string; to: string },
): Promise<Set<string>> {
  const query =
    `WorkflowType = '${range.type}' AND ExecutionStatus = 'Running' ` +
    `AND WorkflowId BETWEEN '${range.from}' AND '${range.to}'`;
  return await call(async () => {
    const found = new Set<string>();
    for await (const execution of client.workflow.list({ query, pageSize: listPageSize })) {
      found.add(execution.workflowId);
      if (found.size > listedMax) throw new Error(`more than ${String(listedMax)} workflows in a page`);
    }
    return found;
  });
}

async function isRunning({ client, call }: Calls, workflowId: string): Promise<boolean> {
  try {
    const { status } = await call(() => client.workflow.getHandle(workflowId).describe());
    return status.name === 'RUNNING' || status.name === 'PAUSED';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
