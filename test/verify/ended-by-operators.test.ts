import { createHash, randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import protocol from '@temporalio/proto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { activityChannels, type Activities, type ActivityDeps } from '../../src/activities/channels.js';
import { temporalEndCommands } from '../../src/activities/end-commands.js';
import { temporalRestartConnections } from '../../src/activities/rutter/connection/restart-connections.js';
import { temporalRestartFeeds } from '../../src/activities/rutter/delivery/restart-feeds.js';
import { temporalRestartHandoffs } from '../../src/activities/rutter/handoff/restart-handoffs.js';
import { temporalRestartSageWorkflows } from '../../src/activities/sage-banking/restart-workflows.js';
import { whileHeartbeating } from '../../src/activities/while-heartbeating.js';
import * as ids from '../../src/domain/ids.js';
import { createFacade, type Facade } from '../../src/temporal/channels.js';
import { registerSearchAttributes } from '../../src/temporal/search-attributes.js';
import { createDeliveryFixture, type DeliveryFixture } from '../support/rutter/delivery-fixture.js';
import { installRuntime } from '../support/runtime.js';
import { createTestNamespace } from '../support/temporal.js';
import { until } from '../support/until.js';
import { bundleWorkflows } from '../support/workflow-environment.js';

/*
 * What becomes of each type of workflow that an operator terminates, cancels or resets, alone or as a batch operation:
 * a real Temporal server with the real workflows and the real repair, rows in a real database. The activities of the
 * workflows are fakes that leave them waiting; that repeats do no harm has its own tests.
 */

const soon = { timeoutMs: 60_000, everyMs: 200 };
const laterMs = 3_600_000;

let fixture: DeliveryFixture;
let client: Client;
let facade: Facade;
let deps: ActivityDeps;
let workers: Worker[];
let running: Promise<void>[];
let closeConnections: () => Promise<unknown>;

/** Until it is cancelled, or its worker ends. */
const hang = async (): Promise<never> => {
  await whileHeartbeating(() => Context.current().sleep(laterMs));
  throw new Error('the test is over');
};

const activities: Partial<Activities> = {
  rutterRunDelivery: () =>
    Promise.resolve({
      outcome: 'waiting',
      state: 'awaiting_activation',
      reason: null,
      customerId: 'cust-1',
      batches: 0,
      delivered: 0,
    }),
  rutterReadConnection: () => Promise.resolve({ refused: false, awaitedCount: 1, nextPollMs: laterMs }),
  dbReadHandoff: () => Promise.resolve({ state: 'logged_in', remainingMs: laterMs }),
  dbRecordHandoffLogin: ({ customerId }) =>
    Promise.resolve({ outcome: 'recorded', state: 'logged_in', customerId }),
  providerRunCommand: hang,
  sageAdvanceOnboarding: () =>
    Promise.resolve({
      customerId: 'cust-1',
      state: 'waiting_captcha',
      reason: null,
      next: 'wait',
      slowly: false,
      waitMs: laterMs,
    }),
  sageBeginBankLink: () =>
    Promise.resolve({ outcome: 'waiting', pollAfterMs: laterMs, remainingMs: 2 * laterMs }),
  sageReadAccount: () =>
    Promise.resolve({
      customerId: 'cust-1',
      status: 'active',
      reason: null,
      storedCount: 0,
      hasMore: false,
      mustCancel: false,
      readAtMs: null,
      nextCheckMs: laterMs,
    }),
  sageStartReprocessChunk: () => Promise.resolve({ outcome: 'started', pollAfterMs: laterMs }),
};

beforeAll(async () => {
  installRuntime(() => undefined);
  const [made, workflowBundle, { address, namespace }] = await Promise.all([
    createDeliveryFixture(),
    bundleWorkflows(),
    createTestNamespace({ register: registerSearchAttributes }),
  ]);
  fixture = made;
  const [connection, native] = await Promise.all([
    Connection.connect({ address }),
    NativeConnection.connect({ address }),
  ]);
  client = new Client({ connection, namespace });
  facade = createFacade(client);
  const sage = { workflows: facade } as unknown as ActivityDeps['sage'];
  deps = { ...fixture.deps, workflows: facade, sage };
  const shared = { connection: native, namespace };
  const { workflows, interactive, deliver } = ids.taskQueues;
  workers = await Promise.all([
    Worker.create({ ...shared, workflowBundle, taskQueue: workflows }),
    Worker.create({ ...shared, activities, taskQueue: interactive }),
    Worker.create({ ...shared, activities, taskQueue: deliver }),
  ]);
  running = workers.map((worker) => worker.run());
  closeConnections = () => Promise.allSettled([connection.close(), native.close()]);
});
afterAll(async () => {
  for (const worker of workers) worker.shutdown();
  await Promise.all(running);
  await closeConnections();
  await fixture.close();
});

/** One round of the repair job's activities. */
async function repair(): Promise<void> {
  const logger = new DefaultLogger('ERROR', () => undefined);
  const all: ((own: ActivityDeps) => () => Promise<unknown>)[] = [
    temporalRestartFeeds,
    temporalRestartConnections,
    temporalRestartHandoffs,
    temporalRestartSageWorkflows,
    (own) => temporalEndCommands<ActivityDeps>(own, activityChannels),
  ];
  for (const activity of all) await new MockActivityEnvironment({}, { logger }).run(activity(deps));
}

const sql = async (text: string, values: unknown[] = []): Promise<void> => {
  await fixture.pool.query(text, values);
};

/** A customer, with a company at Sage and an account there; all of them are an hour old. */
async function sageAccount(): Promise<{ customerId: string; connectionId: string; sageAccountId: string }> {
  const made = { customerId: randomUUID(), connectionId: randomUUID(), sageAccountId: randomUUID() };
  await sql(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Customer')`, [made.customerId]);
  await sql(
    `INSERT INTO sage_companies (connection_id, customer_id, organisation_id, company_id, name, signing_key_sealed)
     VALUES ($1, $2, $1::uuid::text, 'company', 'Company', 'sealed')`,
    [made.connectionId, made.customerId],
  );
  await sql(
    `INSERT INTO sage_accounts (sage_account_id, customer_id, connection_id, bank_account_id, bank_id, bank_name,
                                data_provider, name, identity_hash, status, created_at)
     VALUES ($1, $2, $3, $1::uuid::text, 'bank', 'Bank', 'indirect', 'Account', 'hash', 'active',
             now() - interval '1 hour')`,
    [made.sageAccountId, made.customerId, made.connectionId],
  );
  return made;
}

/** Rows of a type in the state in which its workflow is under way, the workflow started. */
interface Kind {
  readonly type: string;
  /** Returns the workflow's id and a query for the state in the row. */
  readonly begin: () => Promise<{ workflowId: string; state: string }>;
  readonly restarted: boolean;
}

const kinds: readonly Kind[] = [
  {
    type: 'bankFeedWorkflow',
    restarted: true,
    begin: async () => {
      const { feedId } = await fixture.makeFeed();
      await sql(
        `UPDATE feeds SET created_at = now() - interval '1 hour', state_since = now() - interval '1 hour'
          WHERE feed_id = $1`,
        [feedId],
      );
      await facade.feedFactsChanged({ feedId });
      return {
        workflowId: ids.bankFeedWorkflowId(feedId),
        state: `SELECT state FROM feeds WHERE feed_id = '${feedId}'`,
      };
    },
  },
  {
    type: 'connectionWorkflow',
    restarted: true,
    begin: async () => {
      const { feedId, connectionId } = await fixture.makeFeed();
      await sql(`UPDATE feeds SET state_since = now() - interval '1 hour' WHERE feed_id = $1`, [feedId]);
      await facade.wakeConnection({ connectionId });
      const state = `SELECT state FROM feeds WHERE feed_id = '${feedId}'`;
      return { workflowId: ids.connectionWorkflowId(connectionId), state };
    },
  },
  {
    type: 'loginHandoffWorkflow',
    restarted: true,
    begin: async () => {
      const { customerId } = await sageAccount();
      const handoffId = createHash('sha256').update(randomUUID()).digest('hex');
      await sql(
        `INSERT INTO handoffs (handoff_id, state, deadline_at, redirect_sealed, customer_id, updated_at)
         VALUES ($1, 'logged_in', now() + interval '1 hour', 'sealed', $2, now() - interval '1 minute')`,
        [handoffId, customerId],
      );
      await facade.loginSucceeded({ handoffId, customerId });
      const state = `SELECT state FROM handoffs WHERE handoff_id = '${handoffId}'`;
      return { workflowId: ids.loginHandoffWorkflowId(handoffId), state };
    },
  },
  {
    type: 'providerCommandWorkflow',
    restarted: false,
    begin: async () => {
      const commandId = randomUUID();
      await sql(
        `INSERT INTO commands (command_id, kind, input, provider_key, created_at)
         VALUES ($1, 'sage_list_banks', '{}', gen_random_uuid(), now() - interval '2 minutes')`,
        [commandId],
      );
      await facade.runCommand({ commandId, channel: 'sage-banking' });
      const state = `SELECT state || coalesce(' ' || (problem ->> 'code'), '') AS state FROM commands
                      WHERE command_id = '${commandId}'`;
      return { workflowId: ids.providerCommandWorkflowId(commandId), state };
    },
  },
  {
    type: 'sageOnboardingWorkflow',
    restarted: true,
    begin: async () => {
      const { customerId } = await sageAccount();
      const onboardingId = randomUUID();
      await sql(
        `INSERT INTO sage_onboardings (onboarding_id, customer_id, kind, request, terms_accepted_at, state, created_at,
                                       updated_at)
         VALUES ($1, $2, 'desktop', '{}', now(), 'waiting_captcha', now() - interval '1 hour', now() - interval '1 hour')`,
        [onboardingId, customerId],
      );
      await facade.startOnboarding({ onboardingId });
      const state = `SELECT state FROM sage_onboardings WHERE onboarding_id = '${onboardingId}'`;
      return { workflowId: ids.sageOnboardingWorkflowId(onboardingId), state };
    },
  },
  {
    type: 'sageBankLinkWorkflow',
    restarted: true,
    begin: async () => {
      const { customerId, connectionId } = await sageAccount();
      const linkId = randomUUID();
      await sql(
        `INSERT INTO sage_links (link_id, customer_id, connection_id, purpose, bank_id, created_at)
         VALUES ($1, $2, $3, 'link', 'bank', now() - interval '5 minutes')`,
        [linkId, customerId, connectionId],
      );
      await facade.startLink({ linkId });
      const state = `SELECT state FROM sage_links WHERE link_id = '${linkId}'`;
      return { workflowId: ids.sageBankLinkWorkflowId(linkId), state };
    },
  },
  {
    type: 'sageBankAccountWorkflow',
    restarted: true,
    begin: async () => {
      const { sageAccountId } = await sageAccount();
      await facade.wakeAccount({ sageAccountId });
      const state = `SELECT status AS state FROM sage_accounts WHERE sage_account_id = '${sageAccountId}'`;
      return { workflowId: ids.sageBankAccountWorkflowId(sageAccountId), state };
    },
  },
  {
    type: 'sageReprocessWorkflow',
    restarted: true,
    begin: async () => {
      const { customerId, sageAccountId } = await sageAccount();
      const reprocessId = randomUUID();
      await sql(
        `INSERT INTO sage_reprocesses (reprocess_id, sage_account_id, customer_id, last_id, total)
         VALUES ($1, $2, $3, 1, 1)`,
        [reprocessId, sageAccountId, customerId],
      );
      await facade.startReprocess({ reprocessId });
      const state = `SELECT state FROM sage_reprocesses WHERE reprocess_id = '${reprocessId}'`;
      return { workflowId: ids.sageReprocessWorkflowId(reprocessId), state };
    },
  },
];

/** The event that a reset goes back to: the end of the first workflow task. */
async function firstTaskEnd(handle: WorkflowHandle): Promise<{ eventId: number; runId: string }> {
  const found = async () => {
    const { events } = await handle.fetchHistory();
    return events?.find((event) => event.workflowTaskCompletedEventAttributes)?.eventId;
  };
  const eventId = Number(await until(found, { ...soon, describe: 'the first workflow task has ended' }));
  return { eventId, runId: (await handle.describe()).runId };
}

type Operation = 'terminate' | 'cancel' | 'reset';

async function alone(handle: WorkflowHandle, operation: Operation): Promise<void> {
  switch (operation) {
    case 'terminate':
      await handle.terminate('an operator');
      return;
    case 'cancel':
      await handle.cancel();
      return;
    case 'reset': {
      const { eventId, runId } = await firstTaskEnd(handle);
      await client.workflowService.resetWorkflowExecution({
        namespace: client.options.namespace,
        workflowExecution: { workflowId: handle.workflowId, runId },
        workflowTaskFinishEventId: eventId as never,
        requestId: randomUUID(),
        reason: 'an operator',
      });
    }
  }
}

/** As the Temporal UI does it for what a list shows. */
async function asBatch(handles: readonly WorkflowHandle[], operation: Operation): Promise<void> {
  const identity = 'an operator';
  const jobId = randomUUID();
  const { namespace } = client.options;
  const executions = await Promise.all(
    handles.map(async (handle) => {
      await firstTaskEnd(handle);
      const { runId } = await handle.describe();
      return { workflowId: handle.workflowId, runId };
    }),
  );
  await client.workflowService.startBatchOperation({
    namespace,
    jobId,
    reason: identity,
    executions,
    ...(operation === 'terminate' ? { terminationOperation: { identity } } : {}),
    ...(operation === 'cancel' ? { cancellationOperation: { identity } } : {}),
    ...(operation === 'reset' ? { resetOperation: { identity, options: { firstWorkflowTask: {} } } } : {}),
  });
  const { BATCH_OPERATION_STATE_COMPLETED: COMPLETED } = protocol.temporal.api.enums.v1.BatchOperationState;
  const isDone = async () =>
    (await client.workflowService.describeBatchOperation({ namespace, jobId })).state === COMPLETED;
  await until(isDone, { ...soon, describe: `the batch operation ${operation} has ended` });
}

async function stateOf(query: string): Promise<string | undefined> {
  const { rows } = await fixture.pool.query<{ state: string }>(query);
  return rows[0]?.state;
}

/** Runs the repair until the workflow runs again, or the row has ended. */
async function checkOutcome(
  kind: Kind,
  begun: { workflowId: string; state: string },
  before: { runId: string; state: string | undefined },
  operation: Operation,
): Promise<void> {
  const handle = client.workflow.getHandle(begun.workflowId);
  const isRestarted = async () => {
    await repair();
    const { runId, status } = await handle.describe();
    return runId !== before.runId && status.name === 'RUNNING';
  };
  if (kind.restarted || operation === 'reset') {
    await until(isRestarted, { ...soon, describe: `${begun.workflowId} runs again after ${operation}` });
    expect(await stateOf(begun.state)).toBe(before.state);
    return;
  }
  const isEnded = async () => {
    await repair();
    return (await stateOf(begun.state)) === 'failed interrupted';
  };
  await until(isEnded, { ...soon, describe: `${begun.workflowId} has ended in its row after ${operation}` });
  const ended = { terminate: 'TERMINATED', cancel: 'CANCELLED' }[operation];
  expect((await handle.describe()).status.name).toBe(ended);
}

describe.each(kinds)('$type', (kind) => {
  it.each(['terminate', 'cancel', 'reset'] as const)(
    'survives: %s, alone and as a batch operation',
    async (operation) => {
      const begun = await Promise.all([kind.begin(), kind.begin(), kind.begin()]);
      const handles = begun.map(({ workflowId }) => client.workflow.getHandle(workflowId));
      const before = await Promise.all(
        begun.map(async ({ state }, index) => {
          await firstTaskEnd(handles[index]!);
          return { runId: (await handles[index]!.describe()).runId, state: await stateOf(state) };
        }),
      );
      await alone(handles[0]!, operation);
      await asBatch(handles.slice(1), operation);
      for (const [index, each] of begun.entries()) await checkOutcome(kind, each, before[index]!, operation);
    },
  );
});

it('is shown for every workflow type that has a row', async () => {
  const workflows = await import('../../src/workflows/index.js');
  const types = Object.keys(workflows).filter((name) => name !== 'fleetRepairWorkflow');
  expect(kinds.map(({ type }) => type).sort()).toEqual(types.sort());
});
