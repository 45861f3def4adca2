import { Client, Connection } from '@temporalio/client';
import protocol from '@temporalio/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bankFeedWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { createDataConverter } from '../../../src/temporal/data-converter.js';
import { createFacade } from '../../../src/temporal/channels.js';
import { openOutageFixture, type OutageFixture } from '../../support/rutter/outage-fixture.js';
import { until } from '../../support/until.js';

/*
 * Workers that start and stop as in a deployment: two at once, and one that is killed because its POST takes too long.
 * Real processes; the sandbox counts what arrives.
 */

const soon = { timeoutMs: 60_000, everyMs: 50 };
/** More than one batch, so that a sender that should end has something left to do. */
const twoBatches = 1_500;

let fixture: OutageFixture;
let connections: Connection[];
let clients: Client[];
beforeAll(async () => {
  fixture = await openOutageFixture();
  const { temporalAddress, keyring } = fixture.stack;
  connections = [0, 1].map(() => Connection.lazy({ address: temporalAddress }));
  const dataConverter = createDataConverter(keyring);
  clients = connections.map((connection) => new Client({ connection, dataConverter }));
});
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await fixture.close();
});

describe('two workers', () => {
  it('and many starts of one feed at once are one running workflow, one sender and one booking of each posting', async () => {
    const { stack, core, feeds } = fixture;
    const second = await stack.addWorker();
    const { TASK_QUEUE_TYPE_WORKFLOW: WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY: ACTIVITY } =
      protocol.temporal.api.enums.v1.TaskQueueType;
    const bothPoll = async (taskQueue: string): Promise<boolean> => {
      const { pollers } = await clients[0]!.workflowService.describeTaskQueue({
        namespace: 'default',
        taskQueue: { name: taskQueue },
        taskQueueType: taskQueue === taskQueues.workflows ? WORKFLOW : ACTIVITY,
      });
      return new Set(pollers.map(({ identity }) => identity)).size >= 2;
    };
    for (const taskQueue of [taskQueues.workflows, taskQueues.deliver]) {
      await until(() => bothPoll(taskQueue), { ...soon, describe: `both workers poll ${taskQueue}` });
    }
    // No feed has a workflow yet: the API's process and two clients of ours start each of them, all at once.
    const facades = clients.map((client) => createFacade(client));
    const starts = feeds.flatMap((feed) => [
      core.send(feed, twoBatches),
      ...Array.from({ length: 5 }, () => facades.map((facade) => facade.wakeFeed(feed))).flat(),
    ]);
    await Promise.all(starts);
    await fixture.untilCompleted();
    for (const feed of feeds) {
      const workflowId = bankFeedWorkflowId(feed.feedId);
      const runs: string[] = [];
      for await (const run of clients[0]!.workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
        runs.push(run.status.name);
      }
      expect(runs).toEqual(['RUNNING']);
      const another = clients[1]!.workflow.start('bankFeedWorkflow', {
        workflowId,
        taskQueue: taskQueues.workflows,
        args: [{ feedId: feed.feedId }],
      });
      await expect(another).rejects.toThrow(/already started/);
      // Each key once: no sender repeated what another was at work on.
      const keys = await fixture.keysOf(feed);
      expect(keys.length).toBeGreaterThan(1);
      expect(keys.filter(({ state, posts }) => state !== 'delivered' || posts !== 1)).toEqual([]);
    }
    stack.workers.splice(stack.workers.indexOf(second), 1);
    await second.stop();
  });
});

describe('a worker that is asked to end in the middle of a POST', () => {
  it('and is ended by force because the POST hangs: its successor repeats the same key, and all is booked once', async () => {
    const { stack, core, feeds } = fixture;
    const feed = feeds[4]!;
    const worker = stack.workers[0]!;
    const before = (await fixture.keysOf(feed)).length;
    const match = { method: 'POST', account: feed.rutterAccountId };
    await stack.rutter.addFault({ kind: 'hang_after_effect', match });
    await core.send(feed, twoBatches);
    const opened = await until(
      async () => (await fixture.keysOf(feed)).slice(before).find(({ state }) => state === 'open'),
      { ...soon, describe: 'a batch is built' },
    );
    const arrived = async (): Promise<boolean> =>
      (await fixture.postsSeen()).some((post) => post.idempotency_key === opened.key);
    await until(arrived, { ...soon, describe: 'the POST has arrived' });
    process.kill(worker.pid, 'SIGTERM');
    await until(() => fixture.hasLogged(worker, '"worker stopping"'), {
      ...soon,
      describe: 'it was asked to end',
    });
    // It waits for its answer: nothing was given up, nothing else was sent.
    expect(worker.ready).toBe(true);
    expect((await fixture.keysOf(feed)).slice(before)).toEqual([opened]);
    await worker.kill();
    await stack.rutter.removeFaults();
    await fixture.untilCompleted();
    const made = (await fixture.keysOf(feed)).slice(before);
    expect(made[0]).toMatchObject({ state: 'delivered', key: opened.key, posts: 2 });
    expect(new Set(made.map(({ key }) => key)).size).toBe(made.length);
  });
});
