import { randomUUID } from 'node:crypto';
import { sealAccessToken } from '../../../../src/db/connections.js';
import { transaction } from '../../../../src/db/pool.js';
import { createFeed } from '../../../../src/db/rutter/publications.js';
import { bankFeedWorkflowId, taskQueues } from '../../../../src/domain/ids.js';
import type { bankFeedWorkflow } from '../../../../src/workflows/rutter/bank-feed/workflow.js';
import { CoreBanking } from '../core-banking.js';
import type { WorkflowFixture } from './fixture.js';
import type { PlannedFeed, WorkflowPlan } from './plan.js';

/** One feed of a run. */
export interface SimulatedFeed {
  readonly index: number;
  readonly feedId: string;
  readonly accountId: string;
  readonly currency: string;
  readonly timeZone: string | null;
  readonly customerId: string;
  readonly connection: SimulatedConnection;
  readonly rutterAccountId: string;
  readonly workflowId: string;
  /** Whether the last signal was lost: then only the feed's own check or the repair job finds the postings. */
  signalLost: boolean;
}

export interface SimulatedConnection {
  readonly index: number;
  readonly connectionId: string;
  readonly rutterConnectionId: string;
  readonly customerId: string;
  readonly accessToken: string;
}

export interface Actors {
  readonly connections: readonly SimulatedConnection[];
  readonly feeds: readonly SimulatedFeed[];
  readonly bank: CoreBanking;
}

/** Creates the customers, connections, accounts and feeds of a plan as the login handoff does. */
export async function createActors(fixture: WorkflowFixture, plan: WorkflowPlan): Promise<Actors> {
  const connections: SimulatedConnection[] = [];
  for (let index = 0; index < plan.connectionCount; index += 1) {
    connections.push(await createConnection(fixture, index));
  }
  const feeds: SimulatedFeed[] = [];
  for (const [index, planned] of plan.feeds.entries()) {
    const connection = connections[planned.connection];
    if (connection === undefined) throw new Error('the plan names an unknown connection');
    feeds.push(await publishFeed(fixture, { index, planned, connection }));
  }
  return { connections, feeds, bank: new CoreBanking(fixture.pool) };
}

async function createConnection(
  { pool, deps }: WorkflowFixture,
  index: number,
): Promise<SimulatedConnection> {
  const connectionId = randomUUID();
  const customerId = `cust-${randomUUID()}`;
  const made = await deps.rutter.createConnection({
    platform: 'SAGE_BANK_FEEDS',
    idempotencyKey: randomUUID(),
  });
  await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery')`, [customerId]);
  await pool.query(
    `INSERT INTO connections (connection_id, customer_id, platform, rutter_connection_id, access_token_sealed)
     VALUES ($1, $2, 'SAGE_BANK_FEEDS', $3, $4)`,
    [connectionId, customerId, made.id, sealAccessToken(deps.keyring, { connectionId, ...made })],
  );
  return { index, connectionId, customerId, rutterConnectionId: made.id, accessToken: made.accessToken };
}

async function publishFeed(
  fixture: WorkflowFixture,
  input: { index: number; planned: PlannedFeed; connection: SimulatedConnection },
): Promise<SimulatedFeed> {
  const { pool, deps, client } = fixture;
  const { index, planned, connection } = input;
  const { customerId, connectionId, accessToken } = connection;
  const accountId = `acc-${randomUUID()}`;
  await pool.query(
    `INSERT INTO accounts (account_id, customer_id, name, type, currency, time_zone)
     VALUES ($1, $2, 'Trading', 'bank', $3, $4)`,
    [accountId, customerId, planned.currency, planned.timeZone],
  );
  const created = await deps.rutter.createAccount({
    accessToken,
    idempotencyKey: randomUUID(),
    account: {
      internalBankAccountId: accountId,
      bankAccountType: 'bank',
      currencyCode: planned.currency,
      name: 'Trading',
    },
  });
  if (created.kind !== 'done') throw new Error('the sandbox did not create the account synchronously');
  const rutterAccountId = created.account.id;
  const feed = await transaction(pool, (db) =>
    createFeed(db, { customerId, connectionId, accountId, rutterAccountId }),
  );
  if (feed.outcome !== 'created') throw new Error('the account is published already');
  const workflowId = bankFeedWorkflowId(feed.feedId);
  await client.workflow.start<typeof bankFeedWorkflow>('bankFeedWorkflow', {
    workflowId,
    taskQueue: taskQueues.workflows,
    args: [{ feedId: feed.feedId, passesMax: planned.passesMax }],
  });
  return {
    index,
    feedId: feed.feedId,
    accountId,
    customerId,
    connection,
    rutterAccountId,
    workflowId,
    currency: planned.currency,
    timeZone: planned.timeZone,
    signalLost: false,
  };
}
