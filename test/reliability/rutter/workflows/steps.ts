import { allowedActions, unreachable } from '../../../../src/domain/feed.js';
import { readFeed } from '../../../../src/db/rutter/feeds.js';
import { transaction } from '../../../../src/db/pool.js';
import { createFeed } from '../../../../src/db/rutter/publications.js';
import type { Cast, CastConnection, CastFeed } from './actors.js';
import type { SentCall } from '../draw-postings.js';
import type { WorldGround } from './fixture.js';
import type { SignalFate, Step } from './plan.js';

/*
 * What people, core banking and Rutter do in a run: each the way the service itself takes it, through the ingestion's
 * own code, the facade, and what a webhook, a page or an operator's call comes down to.
 */

const minuteMs = 60_000;

export async function takeStep(ground: WorldGround, cast: Cast, step: Step): Promise<void> {
  switch (step.kind) {
    case 'ingest':
      return await ingest(ground, cast, step);
    case 'request':
      return await request(ground, feedOf(cast, step.feed), step.actions);
    case 'share_again':
      return await shareAgain(ground, feedOf(cast, step.feed));
    case 'disconnect': {
      const feed = feedOf(cast, step.feed);
      await ground.control('POST', `/accounts/${feed.rutterAccountId}/disconnect`, {});
      return await announce(ground, feed.connection, step.webhook ? 1 : 0);
    }
    case 'select': {
      const feed = feedOf(cast, step.feed);
      await select(ground, feed, step.startDate);
      return await announce(ground, feed.connection, step.webhook ? 1 : 0);
    }
    case 'refuse': {
      const connection = connectionOf(cast, step.connection);
      await setStatus(ground, connection, step.status);
      return await announce(ground, connection, step.webhook ? 1 : 0);
    }
    case 'token': {
      const { rutterConnectionId } = connectionOf(cast, step.connection);
      await ground.control('POST', `/connections/${rutterConnectionId}/token`, { revoked: step.revoked });
      return;
    }
    case 'organisation':
      await ground.control('POST', '/organisations/revoke', { revoked: step.revoked });
      return;
    case 'outage':
      return await outage(ground, feedOf(cast, step.feed), step.minutes);
    case 'heal':
      return await heal(ground, connectionOf(cast, step.connection), step.webhook);
    case 'forged_webhook':
      return await announce(ground, connectionOf(cast, step.connection), step.copies);
    case 'fault': {
      const match = { ...step.spec.match, connection: feedOf(cast, step.feed).connection.rutterConnectionId };
      await ground.control('POST', '/faults', { ...step.spec, match });
      return;
    }
    default:
      return unreachable(step);
  }
}

/** The customer ticks the account in Sage and says where history starts. */
export async function select({ control }: WorldGround, feed: CastFeed, startDate: string): Promise<void> {
  const path = `/accounts/${feed.rutterAccountId}/select`;
  await control('POST', path, { transaction_start_date: startDate });
}

/** Nothing of the connection gets through to Rutter; what came in meanwhile waits, and others do not. */
async function outage(ground: WorldGround, feed: CastFeed, minutes: number): Promise<void> {
  const { control, sleep } = ground;
  const match = { connection: feed.connection.rutterConnectionId };
  const fault = await control('POST', '/faults', { kind: 'reset_before_effect', times: 0, match });
  await request(ground, feed, ['sync']);
  await sleep(minutes * minuteMs);
  await control('DELETE', `/faults/${String(fault['id'])}`);
}

/** The customer re-authorises the connection, or Rutter takes it back. */
export async function heal(ground: WorldGround, connection: CastConnection, webhook: boolean): Promise<void> {
  await ground.control('POST', `/connections/${connection.rutterConnectionId}/token`, { revoked: false });
  await setStatus(ground, connection, 'active');
  await announce(ground, connection, webhook ? 1 : 0);
}

/** As the API does it: what the state does not allow is answered 409 and goes no further. */
export async function request(
  { pool, facade }: WorldGround,
  feed: CastFeed,
  actions: readonly Parameters<WorldGround['facade']['requestOfFeed']>[0]['action'][],
): Promise<void> {
  for (const action of actions) {
    const row = await readFeed(pool, feed);
    if (row === null || !allowedActions(row.facts).includes(action)) continue;
    await facade.requestOfFeed({ feedId: feed.feedId, action });
  }
}

/** As a login that shares the account once more publishes it. */
export async function shareAgain({ pool, facade }: WorldGround, feed: CastFeed): Promise<void> {
  const { customerId, accountId, rutterAccountId } = feed;
  const { connectionId } = feed.connection;
  await transaction(pool, (db) => createFeed(db, { customerId, accountId, connectionId, rutterAccountId }));
  await facade.feedFactsChanged(feed);
  await facade.nudgeConnection({ connectionId });
}

async function setStatus(
  { control }: WorldGround,
  { rutterConnectionId }: CastConnection,
  status: string,
): Promise<void> {
  await control('POST', `/connections/${rutterConnectionId}/status`, { status, silent: true });
}

/** Whatever a webhook says, and whoever sent it, it is a nudge and nothing else. */
async function announce(
  { facade }: WorldGround,
  { connectionId }: CastConnection,
  copies: number,
): Promise<void> {
  for (let copy = 0; copy < copies; copy += 1) await facade.nudgeConnection({ connectionId });
}

async function ingest(
  { facade }: WorldGround,
  cast: Cast,
  step: { feed: number; calls: readonly SentCall[]; signal: SignalFate },
): Promise<void> {
  const feed = feedOf(cast, step.feed);
  for (const call of step.calls) await cast.bank.send(feed, call);
  feed.signalLost = step.signal === 'lost';
  const copies = { lost: 0, sent: 1, twice: 2 }[step.signal];
  for (let copy = 0; copy < copies; copy += 1) await facade.wakeFeed(feed);
}

function feedOf(cast: Cast, index: number): CastFeed {
  const feed = cast.feeds[index];
  if (feed === undefined) throw new Error('the plan names no such feed');
  return feed;
}

function connectionOf(cast: Cast, index: number): CastConnection {
  const connection = cast.connections[index];
  if (connection === undefined) throw new Error('the plan names no such connection');
  return connection;
}
