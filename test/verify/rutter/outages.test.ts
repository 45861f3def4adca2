import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../scripts/chaos/seeded-random.js';
import type { SupervisedPart } from '../../../scripts/chaos/supervised-part.js';
import {
  expectRefusedForNow,
  openOutageFixture,
  type OutageFixture,
} from '../../support/rutter/outage-fixture.js';
import { until } from '../../support/until.js';

/*
 * Every part of the service unavailable, alone and together, with real processes and no help from outside: everything
 * that was acknowledged is at Rutter, once and in order.
 */

/**
 * Of an outage: longer than every connection time-out and than the patience of a delivery run. For longer ones:
 * `OUTAGE_MS=200000 npx vitest run --project verify test/verify/rutter/outages.test.ts -t 'an outage'`.
 */
const outageMs = Number(process.env['OUTAGE_MS'] ?? 12_000);
const postings = 30;

let fixture: OutageFixture;
beforeAll(async () => {
  fixture = await openOutageFixture({ outageMs });
});
afterAll(() => fixture.close());

async function sendToAll(count = postings): Promise<void> {
  await Promise.all(fixture.feeds.map((feed) => fixture.core.send(feed, count)));
}

async function storedIds(like: string): Promise<string[]> {
  const sql = `SELECT transaction_id FROM postings WHERE transaction_id LIKE $1`;
  const { rows } = await fixture.stack.pool.query<{ transaction_id: string }>(sql, [like]);
  return rows.map((row) => row.transaction_id);
}

function takeRutterDown(): void {
  fixture.stack.wire.setMode({ kind: 'refuse' });
  fixture.stack.wire.disconnectAll();
}

describe('an outage', { timeout: 300_000 + outageMs }, () => {
  it('of PostgreSQL: ingestion and webhooks answer 503 and ask for a repeat; what was acknowledged arrives', async () => {
    const { stack } = fixture;
    await sendToAll();
    await stack.postgres.takeDown();
    await expectRefusedForNow(await fixture.ingest(fixture.feeds[0]!, 'away-1'));
    expect((await fixture.webhook()).status).toBe(503);
    const sending = sendToAll();
    await sleep(outageMs);
    stack.postgres.bringBack();
    await sending;
    await fixture.untilDelivered();
    expect(await storedIds('away-%')).toEqual([]);
    expect((await fixture.webhook()).status).toBe(200);
    expect(stack.api.unplannedEnds + stack.workers[0]!.unplannedEnds).toBe(0);
  });

  it('of Temporal: ingestion continues, and everything arrives though no signal was sent and the API died after its commit', async () => {
    const { stack } = fixture;
    await stack.temporal.takeDown();
    await sendToAll();
    // The signals that it had not sent yet are lost with it.
    await stack.api.kill();
    await sleep(outageMs);
    stack.temporal.bringBack();
    await fixture.untilDelivered();
    expect(stack.workers[0]!.unplannedEnds).toBe(0);
  });

  it('of Rutter: ingestion continues, and everything arrives once it is available again', async () => {
    const { stack } = fixture;
    takeRutterDown();
    await sendToAll();
    await sleep(outageMs);
    stack.wire.setMode({ kind: 'pass' });
    await fixture.untilDelivered();
  });

  it('of all three at once ends without an operator', async () => {
    const { stack } = fixture;
    await sendToAll();
    takeRutterDown();
    await Promise.all([stack.temporal.takeDown(), stack.postgres.takeDown()]);
    const sending = sendToAll();
    await sleep(outageMs);
    stack.temporal.bringBack();
    stack.postgres.bringBack();
    stack.wire.setMode({ kind: 'pass' });
    await sending;
    await fixture.untilDelivered();
  });
});

describe('a start', () => {
  /** Each part starts before each other one in one of the two. */
  it.each(['forwards', 'backwards'])(
    'in any order of the parts ends in a working service (%s)',
    async (way) => {
      const { stack } = fixture;
      const rutter = {
        takeDown: async () => takeRutterDown(),
        bringBack: () => stack.wire.setMode({ kind: 'pass' }),
      };
      const order: Pick<SupervisedPart, 'takeDown' | 'bringBack'>[] = [
        ...[stack.workers[0]!, stack.api, stack.temporal, stack.postgres, rutter],
      ];
      if (way === 'backwards') order.reverse();
      await Promise.all(order.map((part) => part.takeDown()));
      for (const part of order) {
        part.bringBack();
        // So that it meets parts that are not there yet.
        await sleep(3_000);
      }
      await sendToAll();
      await fixture.untilDelivered();
    },
  );
});

describe('a database that refuses', () => {
  it.each([
    ['a full disk', '53100'],
    ['a deadlock', '40P01'],
    ['a serialization failure', '40001'],
    ['a statement given up', '57014'],
    ['a lock not to be had', '55P03'],
  ])('with %s: ingestion answers 503 and stores nothing', async (_name, sqlState) => {
    const { pool } = fixture.stack;
    await pool.query(
      `CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'refused by the test' USING ERRCODE = '${sqlState}'; END $$`,
    );
    await pool.query(
      `CREATE TRIGGER refuse AFTER INSERT ON postings FOR EACH STATEMENT EXECUTE FUNCTION refuse()`,
    );
    try {
      await expectRefusedForNow(await fixture.ingest(fixture.feeds[0]!, `refused-${sqlState}`));
    } finally {
      await pool.query('DROP TRIGGER refuse ON postings');
    }
    expect(await storedIds(`refused-${sqlState}`)).toEqual([]);
    expect((await fixture.ingest(fixture.feeds[0]!, `refused-${sqlState}`)).status).toBe(200);
  });

  it('to write: ingestion answers 503, stores nothing, and works again without a restart', async () => {
    const setReadOnly = async (value: 'on' | 'off'): Promise<void> => {
      const admin = await fixture.stack.pool.connect();
      await admin.query('SET default_transaction_read_only = off');
      await admin.query(`ALTER DATABASE postgres SET default_transaction_read_only = ${value}`);
      await admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = 'postgres' AND pid <> pg_backend_pid()`,
      );
      admin.release(true);
    };
    await setReadOnly('on');
    await expectRefusedForNow(await fixture.ingest(fixture.feeds[0]!, 'read-only'));
    await setReadOnly('off');
    await until(async () => (await fixture.ingest(fixture.feeds[0]!, 'writable')).ok, {
      timeoutMs: 30_000,
      describe: 'ingestion works again',
    });
    expect(await storedIds('read-only')).toEqual([]);
  });
});

describe('a bad connection', () => {
  it('that loses the acknowledgement of a commit: nothing is sent twice, nothing is lost', async () => {
    const { wires } = fixture.stack;
    for (const proxy of [wires!.workerToPostgres, wires!.apiToPostgres]) {
      proxy.loseAnswerAfter((piece) => piece.includes('COMMIT'));
      await sendToAll();
      await fixture.untilDelivered();
    }
  });

  it('that ends all connections between the parts only delays the work', async () => {
    const { stack } = fixture;
    const sending = sendToAll(200);
    const { workerToPostgres, apiToPostgres, workerToTemporal } = stack.wires!;
    const all = [stack.wire, workerToPostgres, apiToPostgres, workerToTemporal];
    for (const proxy of all) proxy.setMode({ kind: 'refuse' });
    for (const proxy of all) proxy.disconnectAll();
    await sleep(5_000);
    for (const proxy of all) proxy.setMode({ kind: 'pass' });
    await sending;
    await fixture.untilDelivered();
  });

  it("that loses 1 % of Temporal's answers costs time and nothing else", async () => {
    const random = seededRandom(31);
    const { workerToTemporal } = fixture.stack.wires!;
    workerToTemporal.loseSomeAnswers({ probability: 0.01, random: () => random.between(0, 9_999) / 10_000 });
    for (let round = 0; round < 5; round += 1) await sendToAll();
    await fixture.untilDelivered();
    workerToTemporal.loseSomeAnswers({ probability: 0, random: () => 1 });
  });
});
