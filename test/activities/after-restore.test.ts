import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { activityChannels, type ActivityDeps } from '../../src/activities/channels.js';
import type { ListedWorkflow, RestoreWorkflows } from '../../src/activities/deps.js';
import { rutterReadConnection } from '../../src/activities/rutter/connection/read-connection.js';
import { awaitRestoreRepair } from '../../src/activities/rutter/after-restore/await-repair.js';
import { repairAfterRestore, type RestoreReport } from '../../src/activities/setup/repair-after-restore.js';
import { reviewAlerts } from '../../src/db/alerts.js';
import { dbChannels } from '../../src/db/channels.js';
import { countMark, readPendingRestore } from '../../src/db/database-mark.js';
import { applyFeedRequest } from '../../src/db/rutter/feed-facts.js';
import { channelIds } from '../../src/domain/channel.js';
import { bankFeedWorkflowId, connectionWorkflowId, providerCommandWorkflowId } from '../../src/domain/ids.js';
import {
  createDeliveryFixture,
  postingsFrom,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../support/rutter/delivery-fixture.js';

/*
 * A database that came back from an earlier moment: rows of the lost time are deleted by hand. Real PostgreSQL, the real
 * sandbox with what was published and delivered in that time; which workflows run is a fake.
 */

const startDate = '2026-03-01T00:00:00.000Z';
let fixture: DeliveryFixture;
/** The running workflows, and those that ended as closed. */
let running: (ListedWorkflow & { type: string })[] = [];
let closed: ListedWorkflow[] = [];
const ended: string[] = [];

beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(() => fixture.close());
beforeEach(async () => {
  running = [];
  closed = [];
  ended.length = 0;
  fixture.woken.length = 0;
  await fixture.pool.query(`DELETE FROM restore_findings`);
  await fixture.pool.query(`UPDATE feeds SET operator = 'closed', state = 'closed'`);
});
afterEach(async () => {
  expect((await fixture.violations()).violations).toEqual([]);
});

const restore: RestoreWorkflows = {
  listRunning: async function* ({ type }) {
    yield await Promise.resolve(running.filter((each) => each.type === type));
  },
  listClosedSince: async function* () {
    yield await Promise.resolve(closed);
  },
  readRunning: ({ workflowId }) =>
    Promise.resolve(running.find((each) => each.workflowId === workflowId) ?? null),
  endWorkflow: ({ workflowId }) => Promise.resolve(void ended.push(workflowId)),
};

const lost = { lostFrom: '2026-03-05T00:00:00.000Z', lostUntil: '2026-03-06T00:00:00.000Z' };

const repair = (deps: ActivityDeps = fixture.deps): Promise<RestoreReport> =>
  repairAfterRestore<ActivityDeps>(deps, { channels: activityChannels, dbChannels, restore, lost });

function runs(type: string, workflowId: string, shown: Partial<ListedWorkflow> = {}): void {
  running.push({ type, workflowId, runId: randomUUID(), feedState: null, customerId: null, ...shown });
}

/** All rows of the feed and its connection are gone; account and postings are there. */
async function loseConnection({ feedId, connectionId }: DeliveryFeed): Promise<string> {
  const { rows } = await fixture.pool.query<{ customer_id: string }>(
    `SELECT customer_id FROM feeds WHERE feed_id = $1`,
    [feedId],
  );
  await loseFeed({ feedId });
  await fixture.pool.query(`DELETE FROM connections WHERE connection_id = $1`, [connectionId]);
  return rows[0]!.customer_id;
}

async function loseFeed({ feedId }: { feedId: string }): Promise<void> {
  await fixture.pool.query(
    `DELETE FROM attempts WHERE batch_id IN (SELECT batch_id FROM batches WHERE feed_id = $1)`,
    [feedId],
  );
  for (const table of ['ledger', 'batches', 'feeds']) {
    await fixture.pool.query(`DELETE FROM ${table} WHERE feed_id = $1`, [feedId]);
  }
}

async function feedOf(accountId: string): Promise<DeliveryFeed & { state: string }> {
  const { rows } = await fixture.pool.query<DeliveryFeed & { state: string }>(
    `SELECT feed_id AS "feedId", account_id AS "accountId", connection_id AS "connectionId",
            rutter_account_id AS "rutterAccountId", state FROM feeds WHERE account_id = $1`,
    [accountId],
  );
  expect(rows).toHaveLength(1);
  return rows[0]!;
}

async function readConnectionOf({ connectionId }: { connectionId: string }): Promise<void> {
  const environment = new MockActivityEnvironment(
    {},
    { logger: new DefaultLogger('ERROR', () => undefined) },
  );
  await environment.run(rutterReadConnection(fixture.deps), { connectionId, awaitedForMs: 0 });
}

async function alerts(): Promise<{ code: string; subject: string; detail: Record<string, unknown> }[]> {
  const settings = { feedSyncIntervalMs: 86_400_000, configuredChannels: channelIds };
  expect(await reviewAlerts(fixture.pool, dbChannels, settings)).toEqual([]);
  const { rows } = await fixture.pool.query(
    `SELECT code, subject, detail FROM alerts WHERE ended_at IS NULL
        AND code IN ('database_restored', 'workflow_without_row', 'decision_possibly_lost') ORDER BY code, subject`,
  );
  return rows;
}

const stateOf = async (feed: DeliveryFeed): Promise<string> => (await feedOf(feed.accountId)).state;

describe('an account that was published and filled in the lost time', () => {
  it('is adopted on its old connection, and what was delivered is neither doubled nor skipped', async () => {
    const feed = await fixture.makeFilledFeed({ startDate, count: 1_500 });
    await fixture.untilCaughtUp(feed);
    const before = await fixture.bookedIds(feed);
    expect(before).toHaveLength(1_500);
    const customerId = await loseConnection(feed);
    runs('bankFeedWorkflow', bankFeedWorkflowId(feed.feedId), { feedState: 'live', customerId });
    runs('connectionWorkflow', connectionWorkflowId(feed.connectionId));

    expect(await repair()).toMatchObject({ endedWorkflows: 2, adoptedConnections: 1, adoptedFeeds: 1 });
    const adopted = await feedOf(feed.accountId);
    expect(adopted.rutterAccountId).toBe(feed.rutterAccountId);
    expect(fixture.woken).toContain(`wake ${adopted.connectionId}`);
    await readConnectionOf(adopted);
    // Core banking has sent one more since.
    await fixture.addPostings(
      adopted,
      postingsFrom({ from: '2026-03-20T00:00:00Z', count: 1, prefix: 'later' }),
    );
    await fixture.untilCaughtUp(adopted);
    expect(await fixture.bookedIds(feed)).toEqual([...before, 'later-000001']);
    const { rows } = await fixture.pool.query(
      `SELECT count(*)::int AS delivered FROM ledger l JOIN batches b USING (batch_id)
        WHERE l.feed_id = $1 AND b.state = 'delivered' AND l.exception IS DISTINCT FROM 'conflict'`,
      [adopted.feedId],
    );
    expect(rows).toEqual([{ delivered: 1_501 }]);
    expect(await repair()).toMatchObject({ adoptedConnections: 0, adoptedFeeds: 0 });
  });

  it('is adopted on a connection that the backup has, for a customer of an ended workflow', async () => {
    const old = await fixture.makeFeed({ startDate });
    const feed = await fixture.makeFeed({ startDate, connectionId: old.connectionId });
    const { rows } = await fixture.pool.query<{ customer_id: string }>(
      `SELECT customer_id FROM feeds WHERE feed_id = $1`,
      [feed.feedId],
    );
    await loseFeed(feed);
    runs('bankFeedWorkflow', bankFeedWorkflowId(feed.feedId), { customerId: rows[0]!.customer_id });
    expect(await repair()).toMatchObject({ endedWorkflows: 1, adoptedConnections: 0, adoptedFeeds: 1 });
    expect((await feedOf(feed.accountId)).rutterAccountId).toBe(feed.rutterAccountId);
  });

  it('stays as it is when its feed was closed before the backup', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await applyFeedRequest(fixture.pool, { feedId: feed.feedId, action: 'close' });
    const { rows } = await fixture.pool.query<{ customer_id: string }>(
      `SELECT customer_id FROM feeds WHERE feed_id = $1`,
      [feed.feedId],
    );
    runs('bankFeedWorkflow', bankFeedWorkflowId(randomUUID()), { customerId: rows[0]!.customer_id });
    expect(await repair()).toMatchObject({ adoptedFeeds: 0 });
    expect(await stateOf(feed)).toBe('closed');
  });

  it('is not adopted when it is of no customer of ours, or of several', async () => {
    const unknown = await fixture.makeFeed({ startDate });
    await loseConnection(unknown);
    await fixture.pool.query(`DELETE FROM accounts WHERE account_id = $1`, [unknown.accountId]);
    const [one, other] = [await fixture.makeFeed({ startDate }), await fixture.makeFeed({ startDate })];
    const third = await fixture.makeFeed({ startDate, connectionId: one.connectionId });
    await fixture.pool.query(
      `UPDATE accounts SET customer_id = (SELECT customer_id FROM feeds WHERE feed_id = $2) WHERE account_id = $1`,
      [third.accountId, other.feedId],
    );
    await loseFeed(third);
    await loseConnection(one);
    expect(await repair()).toMatchObject({
      adoptedConnections: 0,
      adoptedFeeds: 0,
      unreadableConnections: 0,
    });
  });
});

describe('a workflow', () => {
  it('without a row is ended and reported; others, and what is no workflow of ours, are left alone', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const [feedId, commandId] = [randomUUID(), randomUUID()];
    runs('bankFeedWorkflow', bankFeedWorkflowId(feedId), { feedState: 'paused', customerId: 'cust-x' });
    runs('bankFeedWorkflow', bankFeedWorkflowId(feed.feedId), { feedState: 'live' });
    runs('bankFeedWorkflow', 'bank-feed/of-somebody-else');
    runs('bankFeedWorkflow', `other/${randomUUID()}`);
    runs('providerCommandWorkflow', providerCommandWorkflowId(commandId));
    runs('loginHandoffWorkflow', `login-handoff/${'a'.repeat(64)}`);
    expect(await repair()).toMatchObject({ endedWorkflows: 3, decisions: 0 });
    const orphans = [
      bankFeedWorkflowId(feedId),
      providerCommandWorkflowId(commandId),
      `login-handoff/${'a'.repeat(64)}`,
    ];
    expect([...ended].sort()).toEqual([...orphans].sort());
    const raised = await alerts();
    expect(raised.map(({ code, subject }) => `${code} ${subject}`)).toEqual(
      ['database_restored service', ...orphans.map((id) => `workflow_without_row ${id}`)].sort(),
    );
    expect(raised.find(({ subject }) => subject.includes(feedId))?.detail).toEqual({
      type: 'bankFeedWorkflow',
      state: 'paused',
    });
    expect(raised[0]?.detail).toMatchObject({ lost_from: lost.lostFrom, ended_workflows: 3 });
  });
});

describe('a decision of an operator in the lost time', () => {
  it('is reported, and what may have been stopped sends nothing until somebody decides', async () => {
    const make = () => fixture.makeFilledFeed({ startDate, count: 3 });
    const [paused, resumed, closedFeed, same] = [await make(), await make(), await make(), await make()];
    await applyFeedRequest(fixture.pool, { feedId: resumed.feedId, action: 'pause' });
    runs('bankFeedWorkflow', bankFeedWorkflowId(paused.feedId), { feedState: 'paused' });
    runs('bankFeedWorkflow', bankFeedWorkflowId(resumed.feedId), { feedState: 'live' });
    runs('bankFeedWorkflow', bankFeedWorkflowId(same.feedId), { feedState: 'live' });
    closed.push({
      workflowId: bankFeedWorkflowId(closedFeed.feedId),
      runId: randomUUID(),
      feedState: 'closed',
      customerId: null,
    });
    expect(await repair()).toMatchObject({ decisions: 3, endedWorkflows: 0 });
    const found = (await alerts()).filter(({ code }) => code === 'decision_possibly_lost');
    expect(new Map(found.map(({ subject, detail }) => [subject, detail['decision']]))).toEqual(
      new Map([
        [paused.feedId, 'pause'],
        [resumed.feedId, 'resume'],
        [closedFeed.feedId, 'close'],
      ]),
    );
    for (const feed of [paused, resumed, closedFeed]) {
      expect(await stateOf(feed)).toBe('paused');
      await fixture.deliveryRun(feed);
      expect(await fixture.bookedIds(feed)).toEqual([]);
    }
    await fixture.untilCaughtUp(same);
    expect(await fixture.bookedIds(same)).toHaveLength(3);
    await applyFeedRequest(fixture.pool, { feedId: paused.feedId, action: 'resume' });
    await fixture.untilCaughtUp(paused);
    expect(await fixture.bookedIds(paused)).toHaveLength(3);
  });

  it('is not concluded from a list that lags behind the workflow', async () => {
    const feed = await fixture.makeFeed({ startDate });
    const workflowId = bankFeedWorkflowId(feed.feedId);
    runs('bankFeedWorkflow', workflowId, { feedState: 'live' });
    const stale = { ...running[0]!, feedState: 'paused' };
    const lagging: RestoreWorkflows = {
      ...restore,
      listRunning: async function* ({ type }) {
        yield await Promise.resolve(type === 'bankFeedWorkflow' ? [stale] : []);
      },
    };
    const input = { channels: activityChannels, dbChannels, restore: lagging, lost };
    expect(await repairAfterRestore<ActivityDeps>(fixture.deps, input)).toMatchObject({ decisions: 0 });
    expect(await stateOf(feed)).not.toBe('paused');
  });
});

describe('until a found restore is repaired', () => {
  it('no new connection is made at Rutter, since the customer may have one there', async () => {
    await awaitRestoreRepair(fixture.deps);
    const { rows } = await fixture.pool.query<{ database_id: string }>(
      `SELECT database_id FROM database_mark`,
    );
    const markedAt = new Date().toISOString();
    const temporal = { databaseId: rows[0]!.database_id, mark: 99, markedAt };
    await countMark(fixture.pool, { writtenMark: null, temporal });
    await expect(awaitRestoreRepair(fixture.deps)).rejects.toThrow(/repaired/);
    await repair();
    expect(await readPendingRestore(fixture.pool)).toBeNull();
    await awaitRestoreRepair(fixture.deps);
  });
});
