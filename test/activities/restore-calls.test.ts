import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFacade, type Facade } from '../../src/temporal/channels.js';
import { isTemporalUnavailable } from '../../src/temporal/calls.js';
import { readTemporalCause } from '../../src/temporal/cause.js';
import { createRestoreCalls } from '../../src/temporal/restore-calls.js';
import { registerSearchAttributes } from '../../src/temporal/search-attributes.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { createTestNamespace } from '../support/temporal.js';
import { until } from '../support/until.js';

/* What is asked of Temporal after a restore, of a real server; no worker runs. */

const soon = { timeoutMs: 60_000, everyMs: 100 };
let connection: Connection;
let client: Client;
let facade: Facade;
beforeAll(async () => {
  const { address, namespace } = await createTestNamespace({ register: registerSearchAttributes });
  connection = await Connection.connect({ address });
  client = new Client({ connection, namespace });
  facade = createFacade(client);
});
afterAll(() => connection.close());

const keyword = (name: string, value: string) => ({
  key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD),
  value,
});

async function begin(attributes: { FeedState: string; CustomerId: string } | null): Promise<string> {
  const workflowId = `bank-feed/${randomUUID()}`;
  await client.workflow.start('bankFeedWorkflow', {
    workflowId,
    taskQueue: 'nobody-polls',
    args: [{}],
    ...(attributes === null
      ? {}
      : { typedSearchAttributes: Object.entries(attributes).map(([name, value]) => keyword(name, value)) }),
  });
  return workflowId;
}

async function listed(): Promise<
  { workflowId: string; feedState: string | null; customerId: string | null }[]
> {
  const all = [];
  for await (const page of facade.listRunning({ type: 'bankFeedWorkflow' })) all.push(...page);
  return all.map(({ workflowId, feedState, customerId }) => ({ workflowId, feedState, customerId }));
}

it('lists running workflows with what they show, reads one exactly, and ends one run, once', async () => {
  const paused = await begin({ FeedState: 'paused', CustomerId: 'cust-1' });
  const young = await begin(null);
  await until(async () => (await listed()).length === 2, { ...soon, describe: 'both are listed' });
  expect(await listed()).toEqual(
    expect.arrayContaining([
      { workflowId: paused, feedState: 'paused', customerId: 'cust-1' },
      { workflowId: young, feedState: null, customerId: null },
    ]),
  );
  const read = await facade.readRunning({ workflowId: paused });
  expect(read).toMatchObject({ workflowId: paused, feedState: 'paused', customerId: 'cust-1' });
  const end = { workflowId: paused, runId: read!.runId, reason: 'its row does not exist' };
  await facade.endWorkflow(end);
  await facade.endWorkflow(end);
  expect(await facade.readRunning({ workflowId: paused })).toBeNull();
  expect(await facade.readRunning({ workflowId: `bank-feed/${randomUUID()}` })).toBeNull();
  const since = new Date(0).toISOString();
  for await (const page of facade.listClosedSince({ type: 'bankFeedWorkflow', since }))
    expect(page).toEqual([]);
});

it('gives up the page of a list that Temporal does not answer', async () => {
  const { address, namespace } = await createTestNamespace();
  const proxy = await startTcpProxy({ targetPort: Number(address.split(':').at(-1)) });
  const proxied = await Connection.connect({ address: `127.0.0.1:${String(proxy.port)}` });
  try {
    const behind = new Client({ connection: proxied, namespace });
    // As the service's own calls, with a deadline that a test can wait for.
    const call = <T>(work: () => Promise<T>): Promise<T> => behind.withDeadline(Date.now() + 1_000, work);
    const list = async (): Promise<void> => {
      const pages = createRestoreCalls({ client: behind, call }).listRunning({ type: 'bankFeedWorkflow' });
      for await (const page of pages) expect(page).toEqual([]);
    };
    await list();
    proxy.setMode({ kind: 'swallow' });
    const error = await list().catch((reason: unknown) => reason);
    expect(readTemporalCause(error)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(isTemporalUnavailable(error)).toBe(true);
  } finally {
    await proxied.close();
    await proxy.close();
  }
});
