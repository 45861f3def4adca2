import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rutterReadConnection } from '../../../src/activities/rutter/connection/read-connection.js';
import { claimProbe } from '../../../src/db/rutter/rejected-credentials.js';
import {
  createDeliveryFixture,
  postingsFrom,
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
  await fixture.control('POST', '/organisations/revoke', { revoked: false });
  await fixture.control('DELETE', '/violations');
  await fixture.pool.query(`DELETE FROM rejected_credentials`);
});

async function makeFilledFeeds(count: number): Promise<DeliveryFeed[]> {
  const made = [];
  for (let number = 0; number < count; number += 1) {
    const feed = await fixture.makeFeed({ startDate });
    await fixture.addPostings(feed, postingsFrom({ from: startDate, count: 2 }));
    made.push(feed);
  }
  return made;
}

const requests = async () =>
  ((await fixture.control('GET', '/requests')) as { requests: unknown[] }).requests.length;
const let31sPass = () =>
  fixture.pool.query(`UPDATE rejected_credentials SET probed_at = probed_at - interval '31 seconds'`);
const expectStopped = (feed: DeliveryFeed) =>
  expect(fixture.deliveryRun(feed)).rejects.toMatchObject({
    type: 'ProviderUnavailable',
    nextRetryDelay: 30_000,
  });

describe('rejected credentials of our own', () => {
  it('that one feed has met stop all requests of the others, except one probe every 30 s', async () => {
    const [first, ...others] = (await makeFilledFeeds(8)) as [DeliveryFeed, ...DeliveryFeed[]];
    await fixture.control('POST', '/organisations/revoke', { revoked: true });
    await expectStopped(first);
    const before = await requests();
    for (const feed of [first, ...others, first, ...others]) await expectStopped(feed);
    const check = new MockActivityEnvironment(
      {},
      { logger: new DefaultLogger('ERROR', () => undefined) },
    ).run(rutterReadConnection(fixture.deps), {
      connectionId: first.connectionId,
      awaitedForMs: 0,
    });
    await expect(check).rejects.toMatchObject({ name: 'CredentialsRejected' });
    expect(await requests()).toBe(before);
    await let31sPass();
    for (const feed of others) await expectStopped(feed);
    expect(await requests()).toBe(before + 1);
    const { rows } = await fixture.pool.query(`SELECT DISTINCT reason FROM feeds`);
    expect(rows).toEqual([{ reason: 'credentials_rejected' }]);
  });

  it('stop no feed any more after one probe has found them accepted', async () => {
    const all = await makeFilledFeeds(3);
    await fixture.control('POST', '/organisations/revoke', { revoked: true });
    for (const feed of all) await expectStopped(feed);
    await fixture.control('POST', '/organisations/revoke', { revoked: false });
    for (const feed of all) await expectStopped(feed);
    await let31sPass();
    for (const feed of all)
      expect(await fixture.deliveryRun(feed)).toMatchObject({ outcome: 'caught_up', delivered: 2 });
    for (const feed of all) expect(await fixture.book(feed)).toHaveLength(2);
  });

  it('are probed by one of several senders at the same moment', async () => {
    await fixture.pool.query(
      `INSERT INTO rejected_credentials (provider, probed_at) VALUES ('rutter', now() - interval '1 minute')`,
    );
    const claims = await Promise.all(Array.from({ length: 8 }, () => claimProbe(fixture.pool)));
    expect(claims.filter(Boolean)).toHaveLength(1);
  });
});
