import { randomUUID } from 'node:crypto';
import { activityInfo } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Activities } from '../../../src/activities/channels.js';
import { sageBankLinkWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import type { sageBankLinkWorkflow } from '../../../src/workflows/sage-banking/bank-link/workflow.js';
import { installRuntime } from '../../support/runtime.js';
import { createTestNamespace } from '../../support/temporal.js';
import { bundleWorkflows } from '../../support/workflow-environment.js';

/* A link's workflow on a real server, since the test server suggests no renewal; its activities are fakes. */

/** Together more than a history may have before the server suggests a renewal (4 MB). */
const fillers = Array.from({ length: 6 }, () => 'x'.repeat(1_000_000));
/** A run without a renewal after so many attempts fails the test. */
const attemptsMax = 50;

let connection: Connection;
let native: NativeConnection;
let client: Client;
let workers: Worker[];
let running: Promise<void>[];
/** The run ids of the attempts to create the account, one per attempt. */
const attemptedBy: string[] = [];

beforeAll(async () => {
  installRuntime();
  const { address, namespace } = await createTestNamespace({ register: () => Promise.resolve() });
  const activities: Partial<Activities> = {
    sageBeginBankLink: () => Promise.resolve({ outcome: 'granted' }),
    sageCreateAccount: () => {
      attemptedBy.push(activityInfo().workflowExecution?.runId ?? '');
      const isOver = new Set(attemptedBy).size > 1 || attemptedBy.length > attemptsMax;
      return Promise.resolve(
        isOver ? { outcome: 'over', state: 'expired' } : { outcome: 'again', waitMs: 100 },
      );
    },
  };
  connection = await Connection.connect({ address });
  client = new Client({ connection, namespace });
  native = await NativeConnection.connect({ address });
  const shared = { connection: native, namespace };
  workers = await Promise.all([
    Worker.create({ ...shared, taskQueue: taskQueues.workflows, workflowBundle: await bundleWorkflows() }),
    Worker.create({ ...shared, taskQueue: taskQueues.interactive, activities }),
  ]);
  running = workers.map((worker) => worker.run());
});
afterAll(async () => {
  for (const worker of workers) worker.shutdown();
  await Promise.all(running);
  await native.close();
  await connection.close();
});

it('a link that waits for the end of an earlier account is renewed, and continues until it has ended', async () => {
  const linkId = randomUUID();
  const handle = await client.workflow.start<typeof sageBankLinkWorkflow>('sageBankLinkWorkflow', {
    workflowId: sageBankLinkWorkflowId(linkId),
    taskQueue: taskQueues.workflows,
    args: [{ linkId }],
  });
  // No handler exists for them: they only make the history as long as days of waiting would.
  for (const filler of fillers) await handle.signal('filler', filler);
  await handle.result();
  expect(new Set(attemptedBy).size).toBe(2);
  expect(attemptedBy[0]).toBe(handle.firstExecutionRunId);
});
