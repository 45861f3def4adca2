import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import { Obsolete, CredentialsRejected, readFailure } from '../../../src/activities/failures.js';
import {
  rutterReadConnection,
  type ReadConnectionInput,
  type ReadConnectionResult,
} from '../../../src/activities/rutter/connection/read-connection.js';
import { openAccessToken, readConnection } from '../../../src/db/connections.js';
import { readFeed } from '../../../src/db/rutter/feeds.js';
import type { FeedState } from '../../../src/domain/feed.js';
import { dayMs } from '../../../src/domain/limits.js';
import {
  createDeliveryFixture,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

const startDate = '2026-03-01T00:00:00.000Z';
let fixture: DeliveryFixture;
beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterAll(async () => {
  await fixture.close();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
  expect((await fixture.violations()).violations).toEqual([]);
});

function checkConnection(
  feed: { connectionId: string },
  input: { awaitedForMs?: number; deps?: ActivityDeps } = {},
): Promise<ReadConnectionResult> {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => undefined) }).run<
    [ReadConnectionInput],
    ReadConnectionResult,
    (input: ReadConnectionInput) => Promise<ReadConnectionResult>
  >(rutterReadConnection(input.deps ?? fixture.deps), {
    connectionId: feed.connectionId,
    awaitedForMs: input.awaitedForMs ?? 0,
  });
}

const select = (feed: DeliveryFeed) =>
  fixture.control('POST', `/accounts/${feed.rutterAccountId}/select`, { transaction_start_date: startDate });

async function stateOf(feed: DeliveryFeed): Promise<FeedState | undefined> {
  return (await readFeed(fixture.pool, feed))?.state;
}

async function rutterIdOf(feed: DeliveryFeed): Promise<string> {
  return (await readConnection(fixture.pool, feed))?.rutterConnectionId ?? '';
}

/** The requests to Rutter while `work` ran. */
async function requestsDuring(work: () => Promise<unknown>): Promise<string[]> {
  const list = async () => {
    const { requests } = await fixture.control('GET', '/requests');
    return (requests as { method: string; path: string }[]).map(
      ({ method, path }) => `${method} ${path.split('?')[0] ?? ''}`,
    );
  };
  const before = (await list()).length;
  await work();
  return (await list()).slice(before);
}

const wakesOf = (feed: DeliveryFeed) =>
  fixture.woken.filter((wake) => wake === `facts ${feed.feedId}`).length;
const accountsRead = 'GET /accounting/bank_feeds/accounts';
const quickMs = 2_000;

describe('checking a connection', () => {
  it('waits while no account is selected in Sage, and wakes no feed', async () => {
    const feed = await fixture.makeFeed();
    expect(await checkConnection(feed)).toEqual({ refused: false, awaitedCount: 1, nextPollMs: quickMs });
    expect([await stateOf(feed), wakesOf(feed)]).toEqual(['awaiting_activation', 0]);
  });

  it('polls at growing intervals, then once a day, then no more', async () => {
    const feed = await fixture.makeFeed();
    const delays = [];
    for (const awaitedForMs of [0, 60_000, 3_600_000, dayMs - 1, dayMs, 30 * dayMs]) {
      delays.push((await checkConnection(feed, { awaitedForMs })).nextPollMs);
    }
    expect(delays).toEqual([quickMs, 7_500, 450_000, 900_000, dayMs, null]);
  });

  it('wakes the feed whose account was selected, and waits for nothing more', async () => {
    const feed = await fixture.makeFeed();
    await checkConnection(feed);
    await select(feed);
    expect(await checkConnection(feed)).toEqual({ refused: false, awaitedCount: 0, nextPollMs: null });
    expect([await stateOf(feed), wakesOf(feed)]).toEqual(['backfilling', 1]);
    expect((await readFeed(fixture.pool, feed))?.transactionStartDate).toBe(startDate);
  });

  it('serves all feeds of the connection with one request', async () => {
    const first = await fixture.makeFeed();
    const { connectionId } = first;
    const feeds = [first];
    for (let more = 0; more < 4; more += 1) feeds.push(await fixture.makeFeed({ connectionId }));
    for (const feed of feeds.slice(0, 3)) await select(feed);
    let answer: ReadConnectionResult | undefined;
    const requests = await requestsDuring(async () => (answer = await checkConnection(first)));
    expect(requests).toEqual([accountsRead]);
    expect(answer).toEqual({ refused: false, awaitedCount: 2, nextPollMs: quickMs });
    expect(feeds.map(wakesOf)).toEqual([1, 1, 1, 0, 0]);
  });

  it('reads all pages of the list before it considers an account missing', async () => {
    await fixture.control('POST', '/knobs', { rateLimit: false });
    const first = await fixture.makeFeed({ startDate });
    await addAccounts(first, 500);
    const last = await fixture.makeFeed({ connectionId: first.connectionId, startDate });
    const requests = await requestsDuring(() => checkConnection(first));
    expect(requests).toEqual([accountsRead, accountsRead]);
    expect([await stateOf(first), await stateOf(last)]).toEqual(['backfilling', 'backfilling']);
    await fixture.control('POST', '/knobs', { rateLimit: true });
  });

  it('wakes a feed again whose signal failed, although its row is up to date', async () => {
    const feed = await fixture.makeFeed();
    await select(feed);
    const unavailable = () => Promise.reject(new Error('Temporal is unavailable'));
    const deps = { ...fixture.deps, workflows: { ...fixture.deps.workflows, feedFactsChanged: unavailable } };
    await expect(checkConnection(feed, { deps })).rejects.toThrow('Temporal is unavailable');
    expect([await stateOf(feed), wakesOf(feed)]).toEqual(['backfilling', 0]);
    await checkConnection(feed);
    expect(wakesOf(feed)).toBe(1);
  });

  it('for an unknown connection is obsolete', async () => {
    await expect(checkConnection({ connectionId: randomUUID() })).rejects.toThrow(Obsolete);
  });

  it.each([
    ['an error of a gateway', { kind: 'server_error_before_effect' }],
    ['a lost connection', { kind: 'reset_before_effect' }],
    ['half a JSON text', { kind: 'malformed_body', shape: 'truncated_json' }],
    ['an empty answer', { kind: 'malformed_body', shape: 'empty' }],
    ['a rate limit', { kind: 'rate_limited' }],
    ['a list under another name', { kind: 'rewrite_body', find: 'bank_feed_accounts', replace: 'accounts' }],
  ])('disconnects no feed and refuses no connection because of %s', async (_, fault) => {
    const feed = await fixture.makeFeed({ startDate });
    const match = { method: 'GET', path: 'bank_feeds/accounts' };
    await fixture.control('POST', '/faults', { ...fault, match, times: 1 });
    const error: unknown = await checkConnection(feed).catch((thrown: unknown) => thrown);
    expect(readFailure(error).retryable).toBe(true);
    expect(await stateOf(feed)).toBe('backfilling');
    expect((await readConnection(fixture.pool, feed))?.status).toBe('ok');
    expect(await checkConnection(feed)).toMatchObject({ refused: false, awaitedCount: 0 });
  });

  it('is retried while the initial sync of a new connection is unfinished', async () => {
    const feed = await fixture.makeFeed();
    await setStatus(feed, 'not_ready');
    const error: unknown = await checkConnection(feed).catch((thrown: unknown) => thrown);
    expect(readFailure(error)).toMatchObject({ type: 'ProviderUnavailable', retryable: true });
    expect((await readConnection(fixture.pool, feed))?.status).toBe('ok');
  });
});

describe('a refused connection', () => {
  const cases = [
    ['needs a new authorization', 'NEEDS_UPDATE', (feed: DeliveryFeed) => setStatus(feed, 'needs_reauth')],
    ['is disabled', 'CONNECTION_DISABLED', (feed: DeliveryFeed) => setStatus(feed, 'disabled')],
    ['has lost its token', 'INVALID_CREDENTIALS', (feed: DeliveryFeed) => setRevoked(feed, true)],
  ] as const;

  it.each(cases)(
    'that %s is a result: recorded as %s, with its feeds blocked, and checked again',
    async (_, code, refuse) => {
      const feed = await fixture.makeFeed({ startDate });
      const sibling = await fixture.makeFeed({ connectionId: feed.connectionId });
      await refuse(feed);
      expect(await checkConnection(feed)).toEqual({ refused: true, awaitedCount: 0, nextPollMs: quickMs });
      expect(await readConnection(fixture.pool, feed)).toMatchObject({
        status: 'refused',
        providerStatus: code,
      });
      expect([await stateOf(feed), await stateOf(sibling)]).toEqual(['reauth_required', 'reauth_required']);
      expect(wakesOf(feed)).toBe(0);
    },
  );

  it.each(cases)('that %s wakes its feeds when it has recovered', async (_, __, refuse) => {
    const feed = await fixture.makeFeed({ startDate });
    await refuse(feed);
    await checkConnection(feed);
    await setStatus(feed, 'active');
    await setRevoked(feed, false);
    expect(await checkConnection(feed)).toEqual({ refused: false, awaitedCount: 0, nextPollMs: null });
    expect([await stateOf(feed), wakesOf(feed)]).toEqual(['backfilling', 1]);
    expect(await readConnection(fixture.pool, feed)).toMatchObject({ status: 'ok', providerStatus: null });
  });

  it('is polled for its status only until Rutter reports it as active', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await setStatus(feed, 'needs_reauth');
    await checkConnection(feed);
    const requests = await requestsDuring(() => checkConnection(feed));
    expect(requests).toEqual(['GET /connections/status']);
    expect(await stateOf(feed)).toBe('reauth_required');
  });

  it('is not polled for a while after repeated refusals', async () => {
    const feed = await fixture.makeFeed({ startDate });
    for (let times = 0; times < 2; times += 1) {
      await setStatus(feed, 'active');
      await checkConnection(feed);
      await setStatus(feed, 'needs_reauth');
      await checkConnection(feed);
    }
    let answer: ReadConnectionResult | undefined;
    const requests = await requestsDuring(async () => (answer = await checkConnection(feed)));
    expect(requests).toEqual([]);
    expect(answer?.refused).toBe(true);
    expect(answer?.nextPollMs).toBeGreaterThan(5_000);
    expect(answer?.nextPollMs).toBeLessThanOrEqual(10_000);
  });

  it('is distinguished from rejected credentials of our own, which concern no customer', async () => {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.control('POST', '/organisations/revoke', { revoked: true });
    try {
      await expect(checkConnection(feed)).rejects.toThrow(CredentialsRejected);
    } finally {
      await fixture.control('POST', '/organisations/revoke', { revoked: false });
    }
    expect((await readConnection(fixture.pool, feed))?.status).toBe('ok');
    expect(await stateOf(feed)).toBe('backfilling');
    await fixture.pool.query(`UPDATE rejected_credentials SET probed_at = probed_at - interval '31 seconds'`);
    expect(await checkConnection(feed)).toMatchObject({ refused: false });
  });
});

async function setStatus(feed: DeliveryFeed, status: string): Promise<void> {
  await fixture.control('POST', `/connections/${await rutterIdOf(feed)}/status`, { status });
}

async function setRevoked(feed: DeliveryFeed, revoked: boolean): Promise<void> {
  await fixture.control('POST', `/connections/${await rutterIdOf(feed)}/token`, { revoked });
}

/** Creates accounts on the connection that have no feed. */
async function addAccounts(feed: DeliveryFeed, count: number): Promise<void> {
  const connection = await readConnection(fixture.pool, feed);
  if (connection === null) throw new Error('no connection');
  const accessToken = openAccessToken(fixture.deps.keyring, connection);
  for (let made = 0; made < count; made += 1) {
    const account = { bankAccountType: 'bank', currencyCode: 'GBP', name: 'Trading' } as const;
    await fixture.deps.rutter.createAccount({
      accessToken,
      idempotencyKey: randomUUID(),
      account: { ...account, internalBankAccountId: randomUUID() },
    });
  }
}
