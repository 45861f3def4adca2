import { randomUUID } from 'node:crypto';
import { ApplicationFailure, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../../src/activities/channels.js';
import type {
  ReadConnectionInput,
  ReadConnectionResult,
} from '../../../src/activities/rutter/connection/read-connection.js';
import { failureTypes } from '../../../src/domain/failures.js';
import { connectionWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { dayMs } from '../../../src/domain/limits.js';
import { activationPollDelayMs } from '../../../src/domain/rutter/schedule.js';
import { connectionCheckRequested } from '../../../src/workflows/rutter/connection/messages.js';
import type { connectionWorkflow } from '../../../src/workflows/rutter/connection/workflow.js';
import { until } from '../../support/until.js';
import {
  bundleWorkflows,
  createWorkflowEnvironment,
  runFakeWorkers,
  type FakeWorkers,
} from '../../support/workflow-environment.js';

let env: TestWorkflowEnvironment;
let workers: FakeWorkers;
const connections = new Map<string, FakeConnection>();

beforeAll(async () => {
  const [started, workflowBundle] = await Promise.all([createWorkflowEnvironment(), bundleWorkflows()]);
  env = started;
  const activities: Partial<Activities> = {
    rutterReadConnection: (input) => {
      const connection = connections.get(input.connectionId);
      if (connection === undefined) throw new Error('no such connection in this test');
      return connection.check(input);
    },
  };
  workers = await runFakeWorkers({ env, workflowBundle, activities, queues: [taskQueues.interactive] });
});
afterAll(async () => {
  await workers.stop();
  await env.teardown();
});

const pace = { minMs: 2_000, maxMs: 15 * 60_000 };

interface Check {
  readonly atMs: number;
  readonly awaitedForMs: number;
}

/** A fake of the activity of one connection. */
class FakeConnection {
  readonly connectionId = randomUUID();
  readonly workflowId = connectionWorkflowId(this.connectionId);
  readonly checks: Check[] = [];
  awaited = 1;
  /** Results of the next checks; when empty, `awaited` feeds wait, at the usual intervals. */
  readonly script: (() => Promise<Partial<ReadConnectionResult>> | Partial<ReadConnectionResult>)[] = [];
  private readonly held: (() => void)[] = [];

  async check(input: ReadConnectionInput): Promise<ReadConnectionResult> {
    this.checks.push({ atMs: await env.currentTimeMs(), awaitedForMs: input.awaitedForMs });
    const scripted = await this.script.shift()?.();
    const nextPollMs =
      this.awaited > 0 ? activationPollDelayMs({ elapsedMs: input.awaitedForMs, ...pace }) : null;
    return { refused: false, awaitedCount: this.awaited, nextPollMs, ...scripted };
  }

  /** The next check stays in progress until it is released. */
  hold(answer: Partial<ReadConnectionResult>): () => void {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    this.held.push(release);
    this.script.push(async () => {
      await released;
      return answer;
    });
    return release;
  }

  /** From now on nothing is awaited, and no check is held back. */
  end(): void {
    this.awaited = 0;
    this.script.length = 0;
    for (const release of this.held) release();
  }

  /** The waits between the checks so far, in whole seconds. */
  waitsSeconds(): number[] {
    return this.checks
      .slice(1)
      .map((check, index) => Math.round((check.atMs - (this.checks[index]?.atMs ?? 0)) / 1_000));
  }
}

type Handle = WorkflowHandleWithFirstExecutionRunId<typeof connectionWorkflow>;

async function withConnection(
  connection: FakeConnection,
  work: (handle: Handle) => Promise<void>,
): Promise<void> {
  const { connectionId, workflowId } = connection;
  connections.set(connectionId, connection);
  const handle = await env.client.workflow.start<typeof connectionWorkflow>('connectionWorkflow', {
    workflowId,
    taskQueue: taskQueues.workflows,
    args: [{ connectionId }],
  });
  try {
    await work(handle);
  } finally {
    // It ends by itself at its next check. This server never skips time again after a run was terminated under an
    // activity, and loses a workflow task that cancels a timer just as it fires, so nothing is terminated or woken here.
    connection.end();
    await env.client.workflow
      .getHandle(workflowId)
      .result()
      .catch(() => undefined);
  }
}

const soon = { timeoutMs: 20_000 };
const checksReach = (connection: FakeConnection, count: number) =>
  until(() => connection.checks.length >= count, { ...soon, describe: `${String(count)} checks were made` });

const nothingAwaited = { awaitedCount: 0, nextPollMs: null };

function failing(type: string): () => never {
  return () => {
    throw ApplicationFailure.nonRetryable('no', type);
  };
}

describe('connectionWorkflow', () => {
  it('checks at the intervals that each check sets, which grow', async () => {
    const connection = new FakeConnection();
    await withConnection(connection, async () => {
      await env.sleep(10 * 60_000);
      const waits = connection.waitsSeconds();
      expect(waits.slice(0, 8)).toEqual([2, 2, 2, 2, 2, 2, 2, 2]);
      expect(waits.at(-1)).toBeGreaterThanOrEqual(45);
      expect([...waits].sort((left, right) => left - right)).toEqual(waits);
    });
  });

  it('checks once a day after the first day, and ends after thirty', async () => {
    const connection = new FakeConnection();
    await withConnection(connection, async (handle) => {
      await handle.result();
      const firstMs = connection.checks[0]?.atMs ?? 0;
      const later = connection.checks.filter((check) => check.atMs - firstMs > dayMs + 3_600_000);
      expect(later.length).toBeGreaterThanOrEqual(27);
      expect(later.length).toBeLessThanOrEqual(30);
      expect(connection.checks.at(-1)?.awaitedForMs).toBeGreaterThanOrEqual(30 * dayMs);
      const lastMs = connection.checks.at(-1)?.atMs ?? 0;
      expect(lastMs - firstMs).toBeLessThanOrEqual(31 * dayMs + 3_600_000);
    });
  });

  it('checks at once when it is woken, and then at short intervals again', async () => {
    const connection = new FakeConnection();
    await withConnection(connection, async (handle) => {
      await env.sleep(6 * 3_600_000);
      const before = connection.checks.length;
      expect(connection.waitsSeconds().at(-1)).toBe(900);
      const wokenAtMs = await env.currentTimeMs();
      await handle.signal(connectionCheckRequested);
      await checksReach(connection, before + 1);
      const woken = connection.checks[before];
      expect((woken?.atMs ?? 0) - wokenAtMs).toBeLessThan(5_000);
      expect(woken?.awaitedForMs).toBeLessThan(5_000);
      await env.sleep(10_000);
      expect(connection.checks.length).toBeGreaterThanOrEqual(before + 4);
    });
  });

  it('ends as soon as nothing is awaited any more', async () => {
    const connection = new FakeConnection();
    connection.script.push(
      () => ({}),
      () => nothingAwaited,
    );
    await withConnection(connection, async (handle) => {
      await handle.result();
      expect(connection.checks).toHaveLength(2);
    });
  });

  it('checks once more before it ends when it was woken during its last check', async () => {
    const connection = new FakeConnection();
    const release = connection.hold(nothingAwaited);
    connection.awaited = 0;
    await withConnection(connection, async (handle) => {
      await checksReach(connection, 1);
      await handle.signal(connectionCheckRequested);
      release();
      await handle.result();
      expect(connection.checks).toHaveLength(2);
    });
  });

  it('checks again at once when it was woken during a check that found it waiting', async () => {
    const connection = new FakeConnection();
    const release = connection.hold({ nextPollMs: dayMs });
    await withConnection(connection, async (handle) => {
      await checksReach(connection, 1);
      await handle.signal(connectionCheckRequested);
      release();
      await checksReach(connection, 2);
      expect(connection.waitsSeconds()[0]).toBeLessThan(60);
    });
  });

  it('makes one check of a burst of wake-ups', async () => {
    const connection = new FakeConnection();
    const release = connection.hold({ nextPollMs: dayMs });
    connection.script.push(() => ({ nextPollMs: dayMs }));
    await withConnection(connection, async (handle) => {
      await checksReach(connection, 1);
      await Promise.all(Array.from({ length: 200 }, () => handle.signal(connectionCheckRequested)));
      release();
      await checksReach(connection, 2);
      await env.sleep(3_600_000);
      expect(connection.checks).toHaveLength(2);
    });
  });

  it('keeps checking a refused connection, at the interval that the check sets', async () => {
    const connection = new FakeConnection();
    const refused = { refused: true, awaitedCount: 0, nextPollMs: 40_000 };
    connection.script.push(
      () => refused,
      () => refused,
      () => nothingAwaited,
    );
    await withConnection(connection, async (handle) => {
      await handle.result();
      expect(connection.waitsSeconds()).toEqual([40, 40]);
    });
  });

  it('probes every 30 seconds while the credentials of the organisation are refused, and then continues', async () => {
    const connection = new FakeConnection();
    const refused = failing(failureTypes.credentialsRejected);
    connection.script.push(refused, refused, refused, refused, () => nothingAwaited);
    await withConnection(connection, async (handle) => {
      await handle.result();
      expect(connection.waitsSeconds()).toEqual([30, 30, 30, 30]);
    });
  });

  it('ends when its connection does not exist', async () => {
    const connection = new FakeConnection();
    connection.script.push(failing(failureTypes.obsolete));
    await withConnection(connection, async (handle) => {
      await handle.result();
      expect(connection.checks).toHaveLength(1);
    });
  });

  it.each([failureTypes.refused, failureTypes.connectionRefused])(
    'checks again after 15 minutes when the read fails with an unexpected failure of type %s',
    async (type) => {
      const connection = new FakeConnection();
      connection.script.push(failing(type), () => nothingAwaited);
      await withConnection(connection, async (handle) => {
        await handle.result();
        expect(connection.waitsSeconds()).toEqual([900]);
      });
    },
  );

  it('survives an outage of Rutter and of the database: the check is retried until it succeeds', async () => {
    const connection = new FakeConnection();
    for (const type of [
      failureTypes.providerUnavailable,
      failureTypes.databaseUnavailable,
      failureTypes.unexpected,
    ]) {
      for (let times = 0; times < 10; times += 1) {
        connection.script.push(() => {
          throw ApplicationFailure.retryable('away', type);
        });
      }
    }
    connection.script.push(() => nothingAwaited);
    await withConnection(connection, async (handle) => {
      await handle.result();
      expect(connection.checks).toHaveLength(31);
      expect(Math.max(...connection.waitsSeconds())).toBeLessThanOrEqual(6);
    });
  });

  it('renews after 30 days of wake-ups and keeps the time since when it waits', async () => {
    const connection = new FakeConnection();
    await withConnection(connection, async (handle) => {
      await env.sleep(20 * dayMs);
      await handle.signal(connectionCheckRequested);
      await env.sleep(12 * dayMs);
      const current = env.client.workflow.getHandle(handle.workflowId);
      const described = await current.describe();
      expect(described.runId).not.toBe(handle.firstExecutionRunId);
      expect(described.status.name).toBe('RUNNING');
      const last = connection.checks.at(-1);
      expect(last?.awaitedForMs).toBeGreaterThan(10 * dayMs);
      expect(last?.awaitedForMs).toBeLessThan(13 * dayMs);
      const before = connection.checks.length;
      await current.signal(connectionCheckRequested);
      await checksReach(connection, before + 1);
    });
  });
});
