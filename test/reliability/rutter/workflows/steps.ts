import { unreachable } from '../../../../src/domain/feed.js';
import { allowedActions } from '../../../../src/domain/rutter/feed.js';
import { readFeed } from '../../../../src/db/rutter/feeds.js';
import { transaction } from '../../../../src/db/pool.js';
import { createFeed } from '../../../../src/db/rutter/publications.js';
import type { Actors, ActorsConnection, ActorsFeed } from './actors.js';
import type { SentCall } from '../draw-postings.js';
import type { SimulationFixture } from './fixture.js';
import type { SignalFate, Step } from './plan.js';

/*
 * What people, core banking and Rutter do in a run: each the way the service itself takes it, through the ingestion's
 * own code, the facade, and what a webhook, a page or an operator's call comes down to.
 */

const minuteMs = 60_000;

export async function takeStep(fixture: SimulationFixture, actors: Actors, step: Step): Promise<void> {
  switch (step.kind) {
    case 'ingest':
      return await ingest(fixture, actors, step);
    case 'request':
      return await request(fixture, feedOf(actors, step.feed), step.actions);
    case 'share_again':
      return await shareAgain(fixture, feedOf(actors, step.feed));
    case 'disconnect': {
      const feed = feedOf(actors, step.feed);
      await fixture.control('POST', `/accounts/${feed.rutterAccountId}/disconnect`, {});
      return await announce(fixture, feed.connection, step.webhook ? 1 : 0);
    }
    case 'select': {
      const feed = feedOf(actors, step.feed);
      await select(fixture, feed, step.startDate);
      return await announce(fixture, feed.connection, step.webhook ? 1 : 0);
    }
    case 'refuse': {
      const connection = connectionOf(actors, step.connection);
      await setStatus(fixture, connection, step.status);
      return await announce(fixture, connection, step.webhook ? 1 : 0);
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
    case 'heal':
      return await heal(fixture, connectionOf(actors, step.connection), step.webhook);
    case 'forged_webhook':
      return await announce(fixture, connectionOf(actors, step.connection), step.copies);
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

/** The customer ticks the account in Sage and says where history starts. */
export async function select(
  { control }: SimulationFixture,
  feed: ActorsFeed,
  startDate: string,
): Promise<void> {
  const path = `/accounts/${feed.rutterAccountId}/select`;
  await control('POST', path, { transaction_start_date: startDate });
}

/** Nothing of the connection gets through to Rutter; what came in meanwhile waits, and others do not. */
async function outage(fixture: SimulationFixture, feed: ActorsFeed, minutes: number): Promise<void> {
  const { control, sleep } = fixture;
  const match = { connection: feed.connection.rutterConnectionId };
  const fault = await control('POST', '/faults', { kind: 'reset_before_effect', times: 0, match });
  await request(fixture, feed, ['sync']);
  await sleep(minutes * minuteMs);
  await control('DELETE', `/faults/${String(fault['id'])}`);
}

/** The customer re-authorises the connection, or Rutter takes it back. */
export async function heal(
  fixture: SimulationFixture,
  connection: ActorsConnection,
  webhook: boolean,
): Promise<void> {
  await fixture.control('POST', `/connections/${connection.rutterConnectionId}/token`, { revoked: false });
  await setStatus(fixture, connection, 'active');
  await announce(fixture, connection, webhook ? 1 : 0);
}

/** As the API does it: what the state does not allow is answered 409 and goes no further. */
export async function request(
  { pool, facade }: SimulationFixture,
  feed: ActorsFeed,
  actions: readonly Parameters<SimulationFixture['facade']['requestOfFeed']>[0]['action'][],
): Promise<void> {
  for (const action of actions) {
    const row = await readFeed(pool, feed);
    if (row === null || !allowedActions(row.facts).includes(action)) continue;
    await facade.requestOfFeed({ feedId: feed.feedId, action });
  }
}

/** As a login that shares the account once more publishes it. */
export async function shareAgain({ pool, facade }: SimulationFixture, feed: ActorsFeed): Promise<void> {
  const { customerId, accountId, rutterAccountId } = feed;
  const { connectionId } = feed.connection;
  await transaction(pool, (db) => createFeed(db, { customerId, accountId, connectionId, rutterAccountId }));
  await facade.feedFactsChanged(feed);
  await facade.wakeConnection({ connectionId });
}

async function setStatus(
  { control }: SimulationFixture,
  { rutterConnectionId }: ActorsConnection,
  status: string,
): Promise<void> {
  await control('POST', `/connections/${rutterConnectionId}/status`, { status, silent: true });
}

/** Whatever a webhook says, and whoever sent it, it is a wake-up and nothing else. */
async function announce(
  { facade }: SimulationFixture,
  { connectionId }: ActorsConnection,
  copies: number,
): Promise<void> {
  for (let copy = 0; copy < copies; copy += 1) await facade.wakeConnection({ connectionId });
}

async function ingest(
  { facade }: SimulationFixture,
  actors: Actors,
  step: { feed: number; calls: readonly SentCall[]; signal: SignalFate },
): Promise<void> {
  const feed = feedOf(actors, step.feed);
  for (const call of step.calls) await actors.bank.send(feed, call);
  feed.signalLost = step.signal === 'lost';
  const copies = { lost: 0, sent: 1, twice: 2 }[step.signal];
  for (let copy = 0; copy < copies; copy += 1) await facade.wakeFeed(feed);
}

function feedOf(actors: Actors, index: number): ActorsFeed {
  const feed = actors.feeds[index];
  if (feed === undefined) throw new Error('the plan names no such feed');
  return feed;
}

function connectionOf(actors: Actors, index: number): ActorsConnection {
  const connection = actors.connections[index];
  if (connection === undefined) throw new Error('the plan names no such connection');
  return connection;
}
