import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker, type LogEntry } from '@temporalio/worker';
import { createActivities, type ActivityDeps } from '../../src/activities/channels.js';
import { createActivityInterceptors } from '../../src/activities/interceptor.js';
import { taskQueues } from '../../src/domain/ids.js';
import { createFacade, type Facade } from '../../src/temporal/channels.js';
import { registerSearchAttributes } from '../../src/temporal/search-attributes.js';
import { workerOptions } from '../../src/temporal/worker-options.js';
import { createReplayConverter } from './replay-key.js';
import { installRuntime } from './runtime.js';
import { createTestNamespace } from './temporal.js';
import { bundleWorkflows } from './workflow-environment.js';

/** Workers as production has them, on a real server: its list of workflows knows our search attributes. */
export interface RealWorkers {
  readonly client: Client;
  readonly facade: Facade;
  /** Log lines of the SDK and of the activities. */
  readonly lines: LogEntry[];
  /** The ids of the running workflows that a list filter finds. */
  find(query: string): Promise<string[]>;
  /** What the Temporal UI shows under details. */
  detailsOf(workflowId: string): Promise<string>;
  stop(): Promise<void>;
}

/** @param depsOf the dependencies of the activities, which call workflows through the facade */
export async function startRealWorkers(depsOf: (facade: Facade) => ActivityDeps): Promise<RealWorkers> {
  const lines: LogEntry[] = [];
  installRuntime((entry) => lines.push(entry));
  const dataConverter = createReplayConverter();
  const [workflowBundle, { address, namespace }] = await Promise.all([
    bundleWorkflows(),
    createTestNamespace({ register: registerSearchAttributes }),
  ]);
  const [connection, native] = await Promise.all([
    Connection.connect({ address }),
    NativeConnection.connect({ address }),
  ]);
  const client = new Client({ connection, namespace, dataConverter });
  const facade = createFacade(client);
  const shared = { connection: native, namespace, dataConverter };
  const acting = {
    ...shared,
    activities: createActivities(depsOf(facade)),
    interceptors: { activity: [createActivityInterceptors] },
  };
  const workers = await Promise.all([
    Worker.create({ ...shared, ...workerOptions.workflows, workflowBundle, taskQueue: taskQueues.workflows }),
    Worker.create({ ...acting, ...workerOptions.deliver, taskQueue: taskQueues.deliver }),
    Worker.create({ ...acting, ...workerOptions.interactive, taskQueue: taskQueues.interactive }),
  ]);
  const running = workers.map((worker) => worker.run());
  return {
    client,
    facade,
    lines,
    find: async (query) => {
      const found: string[] = [];
      for await (const { workflowId } of client.workflow.list({
        query: `${query} AND ExecutionStatus = 'Running'`,
      })) {
        found.push(workflowId);
      }
      return found;
    },
    detailsOf: async (workflowId) => {
      const handle = client.workflow.getHandle(workflowId);
      const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
      return metadata.currentDetails ?? '';
    },
    stop: async () => {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
      await Promise.allSettled([connection.close(), native.close()]);
    },
  };
}
