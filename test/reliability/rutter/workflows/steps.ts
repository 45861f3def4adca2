import { unreachable } from '../../../../src/domain/feed.js';
import { allowedActions } from '../../../../src/domain/rutter/feed.js';
import { readFeed } from '../../../../src/db/rutter/feeds.js';
import { transaction } from '../../../../src/db/pool.js';
import { createFeed } from '../../../../src/db/rutter/publications.js';
import type { Actors, SimulatedConnection, SimulatedFeed } from './actors.js';
import type { SentCall } from '../draw-postings.js';
import type { WorkflowFixture } from './fixture.js';
import type { SignalDelivery, Step } from './plan.js';

/*
 * The steps of a plan: what core banking, customers, operators and Rutter do. Each uses the code that the service itself
 * runs for it: ingestion, the facade, and the effects of a webhook, a page or an operator's call.
 */

const minuteMs = 60_000;

export async function takeStep(fixture: WorkflowFixture, actors: Actors, step: Step): Promise<void> {
  switch (step.kind) {
    case 'ingest':
      return await ingest(fixture, actors, step);
    case 'request':
      return await requestOfFeed(fixture, feedOf(actors, step.feed), step.actions);
    case 'share_again':
      return await shareAgain(fixture, feedOf(actors, step.feed));
    case 'disconnect': {
      const feed = feedOf(actors, step.feed);
      await fixture.control('POST', `/accounts/${feed.rutterAccountId}/disconnect`, {});
      return await sendWebhooks(fixture, feed.connection, step.webhook ? 1 : 0);
    }
    case 'select': {
      const feed = feedOf(actors, step.feed);
      await selectAccount(fixture, feed, step.startDate);
      return await sendWebhooks(fixture, feed.connection, step.webhook ? 1 : 0);
    }
    case 'refuse': {
      const connection = connectionOf(actors, step.connection);
      await setStatus(fixture, connection, step.status);
      return await sendWebhooks(fixture, connection, step.webhook ? 1 : 0);
    }
    case 'token': {
      const { rutterConnectionId } = connectionOf(actors, step.connection);
      await fixture.control('POST', `/connections/${rutterConnectionId}/token`, { revoked: step.revoked });
      return;
    }
    case 'organisation':
      await fixture.control('POST', '/organisations/revoke', { revoked: step.revoked });
      return;
    case 'outage':
      return await outage(fixture, feedOf(actors, step.feed), step.minutes);
    case 'recover':
      return await recover(fixture, connectionOf(actors, step.connection), step.webhook);
    case 'forged_webhook':
      return await sendWebhooks(fixture, connectionOf(actors, step.connection), step.copies);
    case 'fault': {
      const match = {
        ...step.spec.match,
        connection: feedOf(actors, step.feed).connection.rutterConnectionId,
      };
      await fixture.control('POST', '/faults', { ...step.spec, match });
      return;
    }
    default:
      return unreachable(step);
  }
}

/** The customer selects the account in Sage with a start date. */
export async function selectAccount(
  { control }: WorkflowFixture,
  feed: SimulatedFeed,
  startDate: string,
): Promise<void> {
  const path = `/accounts/${feed.rutterAccountId}/select`;
  await control('POST', path, { transaction_start_date: startDate });
}

/** No request of the connection reaches Rutter: its postings wait, those of other connections do not. */
async function outage(fixture: WorkflowFixture, feed: SimulatedFeed, minutes: number): Promise<void> {
  const { control, sleep } = fixture;
  const match = { connection: feed.connection.rutterConnectionId };
  const fault = await control('POST', '/faults', { kind: 'reset_before_effect', times: 0, match });
  await requestOfFeed(fixture, feed, ['sync']);
  await sleep(minutes * minuteMs);
  await control('DELETE', `/faults/${String(fault['id'])}`);
}

/** The customer authorizes the connection again, or Rutter enables it. */
export async function recover(
  fixture: WorkflowFixture,
  connection: SimulatedConnection,
  webhook: boolean,
): Promise<void> {
  await fixture.control('POST', `/connections/${connection.rutterConnectionId}/token`, { revoked: false });
  await setStatus(fixture, connection, 'active');
  await sendWebhooks(fixture, connection, webhook ? 1 : 0);
}

/** As in the API: an action that the state does not allow is rejected there with 409 and has no effect. */
export async function requestOfFeed(
  { pool, facade }: WorkflowFixture,
  feed: SimulatedFeed,
  actions: readonly Parameters<WorkflowFixture['facade']['requestOfFeed']>[0]['action'][],
): Promise<void> {
  for (const action of actions) {
    const row = await readFeed(pool, feed);
    if (row === null || !allowedActions(row.facts).includes(action)) continue;
    await facade.requestOfFeed({ feedId: feed.feedId, action });
  }
}

/** As a login that shares the account again. */
export async function shareAgain({ pool, facade }: WorkflowFixture, feed: SimulatedFeed): Promise<void> {
  const { customerId, accountId, rutterAccountId } = feed;
  const { connectionId } = feed.connection;
  await transaction(pool, (db) => createFeed(db, { customerId, accountId, connectionId, rutterAccountId }));
  await facade.feedFactsChanged(feed);
  await facade.wakeConnection({ connectionId });
}

async function setStatus(
  { control }: WorkflowFixture,
  { rutterConnectionId }: SimulatedConnection,
  status: string,
): Promise<void> {
  await control('POST', `/connections/${rutterConnectionId}/status`, { status, silent: true });
}

/** A webhook, whatever its content and sender, is only a wake-up signal. */
async function sendWebhooks(
  { facade }: WorkflowFixture,
  { connectionId }: SimulatedConnection,
  copies: number,
): Promise<void> {
  for (let copy = 0; copy < copies; copy += 1) await facade.wakeConnection({ connectionId });
}

async function ingest(
  { facade }: WorkflowFixture,
  actors: Actors,
  step: { feed: number; calls: readonly SentCall[]; signal: SignalDelivery },
): Promise<void> {
  const feed = feedOf(actors, step.feed);
  for (const call of step.calls) await actors.bank.send(feed, call);
  feed.signalLost = step.signal === 'lost';
  const copies = { lost: 0, sent: 1, twice: 2 }[step.signal];
  for (let copy = 0; copy < copies; copy += 1) await facade.wakeFeed(feed);
}

function feedOf(actors: Actors, index: number): SimulatedFeed {
  const feed = actors.feeds[index];
  if (feed === undefined) throw new Error('the plan names an unknown feed');
  return feed;
}

function connectionOf(actors: Actors, index: number): SimulatedConnection {
  const connection = actors.connections[index];
  if (connection === undefined) throw new Error('the plan names an unknown connection');
  return connection;
}
