import { WorkflowNotFoundError } from '@temporalio/client';
import pLimit from 'p-limit';
import type { WorkflowCalls } from './calls.js';

/** What the server gives in one page of a list. */
const listPageSize = 1_000;
/** A range holds little more than the ids that were asked for; a longer list is a bug. */
const listedMax = 20 * listPageSize;
const describedAtOnce = 10;

/**
 * Finds which of some ids, in ascending order, have no running workflow. The list of running workflows is cheap but lags
 * behind; so an id that is not in it is described by itself, which is exact. The text of uuids sorts like the uuids, so a
 * page of ids is one range of workflow ids.
 */
export function createMissing(calls: WorkflowCalls) {
  return async (input: {
    type: string;
    ids: readonly string[];
    workflowIdOf: (id: string) => string;
  }): Promise<string[]> => {
    const { type, ids, workflowIdOf } = input;
    const [first, last] = [ids[0], ids.at(-1)];
    if (first === undefined || last === undefined) return [];
    const listed = await listRunning(calls, { type, from: workflowIdOf(first), to: workflowIdOf(last) });
    const absent = ids.filter((id) => !listed.has(workflowIdOf(id)));
    const limit = pLimit(describedAtOnce);
    const running = await limit.map(absent, (id) => isRunning(calls, workflowIdOf(id)));
    return absent.filter((_, index) => running[index] === false);
  };
}

async function listRunning(
  { client, call }: WorkflowCalls,
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

async function isRunning({ client, call }: WorkflowCalls, workflowId: string): Promise<boolean> {
  try {
    const { status } = await call(() => client.workflow.getHandle(workflowId).describe());
    return status.name === 'RUNNING' || status.name === 'PAUSED';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
