import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import protocol from '@temporalio/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildWorkflowBundle } from '../../../scripts/build-workflow-bundle.js';
import type { ChaosFeed } from '../../../scripts/chaos/feeds.js';
import { isPostOfTransactions, type SeenRequest } from '../../../scripts/chaos/rutter-sandbox.js';
import type { SupervisedPart } from '../../../scripts/chaos/supervised-part.js';
import { bankFeedWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { createDataConverter } from '../../../src/temporal/data-converter.js';
import { createFacade } from '../../../src/temporal/channels.js';
import { openOutageFixture, type OutageFixture } from '../../support/rutter/outage-fixture.js';
import { until } from '../../support/until.js';

/*
 * Workers that come and go as in every deployment: two at once, one that is asked to end in the middle of a POST, and
 * one that is ended by force because its POST takes too long. Real processes; the sandbox counts what arrives.
 */

const deliveredMs = 120_000;
const soon = { timeoutMs: 60_000, everyMs: 50 };
const lastRequests = 5_000;
/** More than one batch, so that a sender that should end has something left to do. */
const twoBatches = 1_500;

let fixture: OutageFixture;
let connections: Connection[];
let clients: Client[];
beforeAll(async () => {
  await buildWorkflowBundle();
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

interface Sent {
  state: string;
  key: string;
  posts: number;
}

/** Every key of the feed, in the order in which they were made. */
async function keysOf(feed: ChaosFeed): Promise<Sent[]> {
  const { rows } = await fixture.stack.pool.query<Sent>(
    `SELECT b.state, a.idempotency_key AS key, a.posts FROM batches b JOIN attempts a USING (batch_id)
      WHERE b.feed_id = $1 ORDER BY b.number, a.number`,
    [feed.feedId],
  );
  return rows;
}

/** All is booked, and whoever sent it knows and has let go of its delivery lock. */
async function untilCompleted(): Promise<void> {
  await fixture.untilDelivered(deliveredMs);
  const sql = `SELECT 1 FROM delivery_locks WHERE holder IS NOT NULL UNION ALL SELECT 1 FROM batches WHERE state = 'open'`;
  const completed = async (): Promise<boolean> => (await fixture.stack.pool.query(sql)).rowCount === 0;
  await until(completed, { ...soon, describe: 'no batch is open and no delivery lock is held' });
}

async function postsSeen(): Promise<SeenRequest[]> {
  return (await fixture.stack.rutter.requests(lastRequests)).filter(isPostOfTransactions);
}

async function printed(worker: SupervisedPart, text: string): Promise<boolean> {
  const log = await readFile(join(fixture.stack.folder, 'logs', `${worker.name}.log`), 'utf8');
  return log.includes(text);
}

describe('two workers', () => {
  it('and many starts of one feed at once are one running workflow, one sender and one booking of each posting', async () => {
    const { stack, core, feeds } = fixture;
    const second = await stack.addWorker();
    const { TASK_QUEUE_TYPE_WORKFLOW: WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY: ACTIVITY } =
      protocol.temporal.api.enums.v1.TaskQueueType;
    const bothPoll = async (taskQueue: string): Promise<boolean> => {
      const { pollers } = await clients[0]!.workflowService.describeTaskQueue({
        ...{ namespace: 'default', taskQueue: { name: taskQueue } },
        taskQueueType: taskQueue === taskQueues.workflows ? WORKFLOW : ACTIVITY,
      });
      return new Set(pollers.map(({ identity }) => identity)).size >= 2;
    };
    for (const taskQueue of [taskQueues.workflows, taskQueues.deliver]) {
      await until(() => bothPoll(taskQueue), { ...soon, describe: `both workers poll ${taskQueue}` });
    }
    // No feed has a workflow yet: the API's process and two clients of ours start each of them, all at once.
    const facades = clients.map(createFacade);
    const starts = feeds.flatMap((feed) => [
      core.send(feed, twoBatches),
      ...Array.from({ length: 5 }, () => facades.map((facade) => facade.wakeFeed(feed))).flat(),
    ]);
    await Promise.all(starts);
    await untilCompleted();
    for (const feed of feeds) {
      const workflowId = bankFeedWorkflowId(feed.feedId);
      const runs: string[] = [];
      for await (const run of clients[0]!.workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
        runs.push(run.status.name);
      }
      expect(runs).toEqual(['RUNNING']);
      const another = clients[1]!.workflow.start('bankFeedWorkflow', {
        ...{ workflowId, taskQueue: taskQueues.workflows, args: [{ feedId: feed.feedId }] },
      });
      await expect(another).rejects.toThrow(/already started/);
      // Each key once: no sender repeated what another was at work on.
      const keys = await keysOf(feed);
      expect(keys.length).toBeGreaterThan(1);
      expect(keys.filter(({ state, posts }) => state !== 'delivered' || posts !== 1)).toEqual([]);
    }
    stack.workers.splice(stack.workers.indexOf(second), 1);
    await second.stop();
  });
});

describe('a worker that is asked to end in the middle of a POST', () => {
  it('lets it arrive, completes its batch, sends nothing after it, and ends by itself', async () => {
    const { stack, core, feeds } = fixture;
    const [feed, other] = [feeds[0]!, feeds[2]!];
    const worker = stack.workers[0]!;
    await untilCompleted();
    const before = (await keysOf(feed)).length;
    const postsBefore = (await postsSeen()).length;
    stack.wire.hold((piece) => piece.startsWith('POST ') && piece.includes(feed.accessToken), 1);
    await core.send(feed, twoBatches);
    await until(() => stack.wire.held() > 0, { ...soon, describe: 'the POST stands on the wire' });
    const stopped = worker.stop();
    await until(() => printed(worker, '"worker stopping"'), { ...soon, describe: 'it was asked to end' });
    // New work for others, which it must leave to its successor.
    await core.send(other, 20);
    expect(worker.ready).toBe(true);
    expect(stack.wire.held()).toBe(1);
    stack.wire.release();
    await stopped;
    stack.workers.shift();
    expect(await printed(worker, '"worker stopped"')).toBe(true);

    const made = (await keysOf(feed)).slice(before);
    expect(made).toEqual([{ state: 'delivered', key: expect.any(String) as string, posts: 1 }]);
    expect((await postsSeen()).slice(postsBefore).map((post) => post.idempotency_key)).toEqual([
      made[0]!.key,
    ]);
    await stack.addWorker();
    await untilCompleted();
  });

  it('and is ended by force because the POST hangs: its successor repeats the same key, and all is booked once', async () => {
    const { stack, core, feeds } = fixture;
    const feed = feeds[4]!;
    const worker = stack.workers[0]!;
    const before = (await keysOf(feed)).length;
    const match = { method: 'POST', account: feed.rutterAccountId };
    await stack.rutter.addFault({ kind: 'hang_after_effect', match });
    await core.send(feed, twoBatches);
    const opened = await until(
      async () => (await keysOf(feed)).slice(before).find(({ state }) => state === 'open'),
      { ...soon, describe: 'a batch is built' },
    );
    const arrived = async (): Promise<boolean> =>
      (await postsSeen()).some((post) => post.idempotency_key === opened.key);
    await until(arrived, { ...soon, describe: 'the POST has arrived' });
    process.kill(worker.pid, 'SIGTERM');
    await until(() => printed(worker, '"worker stopping"'), { ...soon, describe: 'it was asked to end' });
    // It waits for its answer: nothing was given up, nothing else was sent.
    expect(worker.ready).toBe(true);
    expect((await keysOf(feed)).slice(before)).toEqual([opened]);
    await worker.kill();
    await stack.rutter.removeFaults();
    await untilCompleted();
    const made = (await keysOf(feed)).slice(before);
    expect(made[0]).toMatchObject({ state: 'delivered', key: opened.key, posts: 2 });
    expect(new Set(made.map(({ key }) => key)).size).toBe(made.length);
  });
});
