import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bankFeedWorkflowId } from '../../../src/domain/ids.js';
import {
  expectRefusedForNow,
  openOutageFixture,
  type OutageFixture,
} from '../../support/rutter/outage-fixture.js';
import { until } from '../../support/until.js';

/*
 * Parts that run but are locked or have hardly any bandwidth, with real processes and no help from outside: what was
 * refused is not stored, and everything that was acknowledged is at Rutter, once and in order.
 */

const soon = { timeoutMs: 60_000, everyMs: 50 };
const lockedMs = 30_000;

let fixture: OutageFixture;
beforeAll(async () => {
  fixture = await openOutageFixture();
});
afterAll(() => fixture.close());

/** A connection of our own, which no limit of the service's pools ends. */
async function connect(): Promise<pg.Client> {
  const { databaseUrl } = fixture.stack;
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

describe('a lock of thirty seconds', () => {
  it('on the rows of one account makes its calls 503, delays no other connection, and its feed continues afterwards', async () => {
    const { core, feeds, stack } = fixture;
    const [feed, other] = [feeds[0]!, feeds[2]!];
    await fixture.untilDelivered();
    const locker = await connect();
    const lockedAtMs = performance.now();
    try {
      await locker.query('BEGIN');
      await locker.query('SELECT 1 FROM feeds WHERE feed_id = $1 FOR UPDATE', [feed.feedId]);
      const { rows } = await locker.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await core.send(feed, 30);
      const sql = `SELECT 1 FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)) AND query LIKE '%FROM feeds%'`;
      await until(async () => (await stack.pool.query(sql, [rows[0]!.pid])).rowCount, {
        ...soon,
        describe: 'the build waits for the row',
      });
      await locker.query('SELECT 1 FROM accounts WHERE account_id = $1 FOR UPDATE', [feed.accountId]);
      const refused = fixture.ingest(feed, 'locked-out');
      await core.send(other, 30);
      const booked = async (): Promise<boolean> =>
        (await stack.rutter.book({ rutterAccountId: other.rutterAccountId, offset: 0 })).count ===
        core.sent(other);
      await until(booked, { ...soon, describe: 'the other connection is served meanwhile' });
      await expectRefusedForNow(await refused);
      await sleep(Math.max(0, lockedMs - (performance.now() - lockedAtMs)));
    } finally {
      await locker.end();
    }
    await fixture.untilDelivered();
    expect(await fixture.isStored('locked-out')).toBe(false);
    expect((await fixture.ingest(feed, 'locked-out')).status).toBe(200);
    expect(fixture.unplannedEnds()).toBe(0);
  });
});

describe('a connection to Rutter', () => {
  it('that lets one byte a second through ends each POST at its time-out, and holds nothing once it is normal again', async () => {
    const { core, feeds, stack } = fixture;
    await fixture.untilDelivered();
    stack.wire.setMode({ kind: 'trickle', bytesPerSecond: 1 });
    await Promise.all(feeds.map((feed) => core.send(feed, 30)));
    // The doubt is written when a POST is given up.
    const outcomeUnknown = async (): Promise<boolean> => {
      const { rows } = await stack.pool.query<{ delivery_locks: number }>(
        `SELECT count(DISTINCT f.connection_id)::int AS delivery_locks
           FROM batches b JOIN attempts a USING (batch_id) JOIN feeds f USING (feed_id)
          WHERE b.state = 'open' AND a.outcome_unknown`,
      );
      return rows[0]?.delivery_locks === 3;
    };
    await until(outcomeUnknown, { timeoutMs: 90_000, describe: 'the POST of each connection timed out' });
    stack.wire.setMode({ kind: 'pass' });
    await fixture.untilDelivered();

    const connection = Connection.lazy({ address: stack.temporalAddress });
    const client = new Client({ connection });
    try {
      const atWork = async (): Promise<number> => {
        const found = await Promise.all(
          feeds.map(({ feedId }) => client.workflow.getHandle(bankFeedWorkflowId(feedId)).describe()),
        );
        return found.reduce((total, { raw }) => total + (raw.pendingActivities?.length ?? 0), 0);
      };
      await until(async () => (await atWork()) === 0, { ...soon, describe: 'no delivery run is under way' });
    } finally {
      await connection.close();
    }
    const { rows: held } = await stack.pool.query('SELECT 1 FROM delivery_locks WHERE holder IS NOT NULL');
    expect(held).toEqual([]);
    expect(fixture.unplannedEnds()).toBe(0);
  });
});
