import { createHash, randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openAccessToken } from '../../../src/db/connections.js';
import { runMigrations } from '../../../src/db/run-migrations.js';
import { createPool, type Pool } from '../../../src/db/pool.js';
import { countByDeliveryStatus } from '../../../src/db/rutter/delivery-status.js';
import { deliveryLockOf } from '../../../src/domain/rutter/delivery-lock.js';
import { readFeed } from '../../../src/db/rutter/feeds.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import {
  createDeliveryFixture,
  type DeliveryFeed,
  type DeliveryFixture,
} from '../../support/rutter/delivery-fixture.js';

/*
 * A database as version 0.2.0 leaves it behind, in the middle of a backfill: what is in a batch was ordered and sent by
 * its instant, and the bytes of an open batch are those of that version.
 */
const migrationsOf020 = 3;
const start = '2026-11-01T00:00:00.000Z';
interface OldPosting {
  readonly id: string;
  readonly at: string;
}
/** Berlin's first day begins here; version 0.2.0 holds it back as before the start date. */
const beforeStart: OldPosting[] = [{ id: 'midnight', at: '2026-10-31T23:00:00.000Z' }];
const delivered: OldPosting[] = [
  { id: 'a1', at: '2026-11-01T09:00:00.000Z' },
  { id: 'a2', at: '2026-11-01T23:30:00.000Z' },
];
const inFlight: OldPosting[] = [
  { id: 'b1', at: '2026-11-02T10:00:00.000Z' },
  { id: 'b2', at: '2026-11-02T23:30:00.000Z' },
];
/** In New York `c1` is booked on 2 November: its send time moves before the cursor. In Berlin `c3` moves after `c4`. */
const waiting: OldPosting[] = [
  { id: 'c1', at: '2026-11-03T02:00:00.000Z' },
  { id: 'c2', at: '2026-11-03T10:00:00.000Z' },
  { id: 'c3', at: '2026-11-03T23:15:00.000Z' },
  { id: 'c4', at: '2026-11-04T11:00:00.000Z' },
];
const all = [...beforeStart, ...delivered, ...inFlight, ...waiting];

/** The bytes of version 0.2.0, written down here so that no later code changes them. */
function bytesOf(feed: DeliveryFeed, postings: readonly OldPosting[]): string {
  const transactions = postings.map(
    ({ id, at }) =>
      `{"transaction_id":"${id}","posted_at":"${at}","amount":-12.5,"description":"Posting ${id}","transaction_type":"debit","debit_credit_memo":"DEBIT"}`,
  );
  return `{"response_mode":"prefer_sync","bank_feed_transactions":{"bank_feed_account_id":"${feed.rutterAccountId}","transactions":[${transactions.join(',')}]}}`;
}

let fixture: DeliveryFixture;
const opened: { pool: Pool; database: TestDatabase }[] = [];
beforeAll(async () => {
  fixture = await createDeliveryFixture();
});
afterEach(async () => {
  expect((await fixture.violations()).violations).toEqual([]);
});
afterAll(async () => {
  for (const { pool, database } of opened) {
    await pool.end();
    await database.drop();
  }
  await fixture.close();
});

/** Copies the rows of a table that the older schema has, column by column. */
async function copyRows(old: pg.Client, table: string, where: string, id: string): Promise<void> {
  const { rows: columns } = await old.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns WHERE table_name = $1 AND table_schema = 'public'`,
    [table],
  );
  const names = columns.map(({ name }) => name).join(', ');
  const { rows } = await fixture.pool.query<Record<string, unknown>>(
    `SELECT ${names} FROM ${table} WHERE ${where} = $1`,
    [id],
  );
  for (const row of rows) {
    const values = Object.values(row);
    await old.query(
      `INSERT INTO ${table} (${names}) VALUES (${values.map((_value, index) => `$${String(index + 1)}`).join(', ')})`,
      values,
    );
  }
}

interface OldBatch {
  readonly number: number;
  readonly postings: readonly OldPosting[];
  readonly state: 'open' | 'delivered';
  readonly key: string;
}

async function insertBatch(old: pg.Client, feed: DeliveryFeed, batch: OldBatch): Promise<void> {
  const batchId = randomUUID();
  const { postings, number, state } = batch;
  const before = number === 1 ? null : delivered.at(-1);
  const sha256 = createHash('sha256').update(bytesOf(feed, postings)).digest('hex');
  await old.query(
    `INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash, first_posted_at,
                          last_posted_at, state, delivered_count, cursor_before_posted_at, cursor_before_sequence,
                          examined_sequence_before)
     VALUES ($1, $2, $3, $14, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    [
      ...[batchId, feed.feedId, feed.connectionId, number, postings.length, sha256],
      ...[postings[0]?.at, postings.at(-1)?.at, state, state === 'delivered' ? postings.length : null],
      ...[before?.at ?? null, before === null ? null : 3, before === null ? 0 : all.length],
      deliveryLockOf(feed),
    ],
  );
  await old.query(
    `INSERT INTO attempts (idempotency_key, batch_id, number, state, posts, first_post_at, last_post_at)
     VALUES ($1, $2, 1, $3, 1, now(), now())`,
    [batch.key, batchId, state],
  );
  for (const [position, { id }] of postings.entries()) {
    await old.query(
      `INSERT INTO ledger (feed_id, transaction_id, batch_id, position) VALUES ($1, $2, $3, $4)`,
      [feed.feedId, id, batchId, position],
    );
  }
}

/** As version 0.2.0 was stopped: one batch delivered, one in flight, the rest not built yet. */
async function makeOld(feed: DeliveryFeed, database: TestDatabase, sent: boolean): Promise<void> {
  const row = await readFeed(fixture.pool, feed);
  if (row === null) throw new Error('no feed');
  const old = new pg.Client({ connectionString: database.url });
  await old.connect();
  try {
    const dir = fileURLToPath(new URL('../../../migrations', import.meta.url));
    await runner({
      dbClient: old,
      dir,
      direction: 'up',
      count: migrationsOf020,
      migrationsTable: 'migrations',
      log: () => undefined,
    });
    await copyRows(old, 'customers', 'customer_id', row.customerId);
    await copyRows(old, 'accounts', 'customer_id', row.customerId);
    await copyRows(old, 'connections', 'connection_id', feed.connectionId);
    await copyRows(old, 'feeds', 'feed_id', feed.feedId);
    for (const [index, { id, at }] of all.entries()) {
      await old.query(
        `INSERT INTO postings (account_id, transaction_id, sequence, posted_at, amount, description, transaction_type,
                               status, content_hash)
         VALUES ($1, $2, $3, $4, -12.5, $5, 'debit', 'posted', sha256($2::text::bytea))`,
        [feed.accountId, id, index + 1, at, `Posting ${id}`],
      );
    }
    const keys = [randomUUID(), randomUUID()] as const;
    await insertBatch(old, feed, { number: 1, postings: delivered, state: 'delivered', key: keys[0] });
    await insertBatch(old, feed, { number: 2, postings: inFlight, state: 'open', key: keys[1] });
    const batchesSent = [[delivered, keys[0]] as const, ...(sent ? [[inFlight, keys[1]] as const] : [])];
    for (const [postings, idempotencyKey] of batchesSent) {
      await fixture.deps.rutter.postTransactions({
        accessToken: openAccessToken(fixture.deps.keyring, row),
        idempotencyKey,
        body: bytesOf(feed, postings),
      });
    }
    const last = inFlight.at(-1);
    await old.query(`UPDATE accounts SET last_sequence = $2 WHERE account_id = $1`, [
      feed.accountId,
      all.length,
    ]);
    await old.query(
      `UPDATE feeds SET cursor_posted_at = $2, cursor_sequence = 5, examined_sequence = $3 WHERE feed_id = $1`,
      [feed.feedId, last?.at, all.length],
    );
  } finally {
    await old.end();
  }
}

async function upgrade(feed: DeliveryFeed, input: { sent: boolean; bankTimeZone?: string }) {
  const database = await createTestDatabase({ empty: true });
  await makeOld(feed, database, input.sent);
  await runMigrations(database.url, { bankTimeZone: input.bankTimeZone });
  const pool = createPool(database.url, 4, () => undefined);
  opened.push({ pool, database });
  const settings = { ...fixture.deps.settings, bankTimeZone: input.bankTimeZone ?? null };
  return { pool, deps: { ...fixture.deps, pool, settings } };
}

/** What Sage must have in the end, in the order of acceptance. */
const expected = {
  'Europe/Berlin': [
    ...[...delivered, ...inFlight].map(({ id, at }) => [id, at]),
    ['midnight', '2026-11-01T12:00:00.000Z'],
    ['c1', '2026-11-03T02:00:00.000Z'],
    ['c2', '2026-11-03T10:00:00.000Z'],
    ['c4', '2026-11-04T11:00:00.000Z'],
    ['c3', '2026-11-04T12:00:00.000Z'],
  ],
  'America/New_York': [
    ...[...delivered, ...inFlight].map(({ id, at }) => [id, at]),
    ['c1', '2026-11-02T12:00:00.000Z'],
    ['c2', '2026-11-03T10:00:00.000Z'],
    ['c3', '2026-11-03T23:15:00.000Z'],
    ['c4', '2026-11-04T11:00:00.000Z'],
  ],
} as const;

describe('an upgrade from 0.2.0 in the middle of a backfill', () => {
  it.each(
    (['Europe/Berlin', 'America/New_York'] as const).flatMap((bankTimeZone) =>
      [false, true].map((sent) => ({ bankTimeZone, sent })),
    ),
  )(
    'sends nothing twice and skips nothing ($bankTimeZone, open batch sent before: $sent)',
    async ({ bankTimeZone, sent }) => {
      const feed = await fixture.makeFeed({ startDate: start });
      const { pool, deps } = await upgrade(feed, { sent, bankTimeZone });
      await fixture.untilCaughtUp(feed, { deps });
      const booked = (await fixture.book(feed)).map(({ transaction_id, posted_at }) => [
        transaction_id,
        posted_at,
      ]);
      expect(booked).toEqual(expected[bankTimeZone]);
      const counts = await countByDeliveryStatus(pool, feed);
      expect(counts).toMatchObject({
        delivered: booked.length,
        before_start: all.length - booked.length,
        ready: 0,
        batched: 0,
        quarantined: 0,
      });
      const { rows } = await pool.query(
        `SELECT number, body_version, state FROM batches WHERE feed_id = $1 ORDER BY number`,
        [feed.feedId],
      );
      expect(rows.slice(0, 2)).toEqual([
        { number: 1, body_version: 1, state: 'delivered' },
        { number: 2, body_version: 1, state: 'delivered' },
      ]);
      expect(rows.slice(2).every(({ body_version: version }) => version === 2)).toBe(true);
      // Examined once: the next check finds nothing to do.
      expect(await fixture.deliveryRun(feed, { deps })).toMatchObject({ outcome: 'caught_up', delivered: 0 });
    },
  );

  it('without BANK_TIME_ZONE changes no send time', async () => {
    const feed = await fixture.makeFeed({ startDate: start });
    const { pool, deps } = await upgrade(feed, { sent: true });
    const { rows } = await pool.query(
      `SELECT count(*)::int AS moved FROM postings WHERE send_at <> posted_at OR booking_day <> (posted_at AT TIME ZONE 'UTC')::date`,
    );
    expect(rows).toEqual([{ moved: 0 }]);
    await fixture.untilCaughtUp(feed, { deps });
    expect(await fixture.bookedIds(feed)).toEqual(
      [...delivered, ...inFlight, ...waiting].map(({ id }) => id),
    );
  });

  it('dates a pending posting that an API of 0.2.0 replaces like those that it stores', async () => {
    const feed = await fixture.makeFeed({ startDate: start });
    const { pool } = await upgrade(feed, { sent: true, bankTimeZone: 'America/New_York' });
    await pool.query(
      `INSERT INTO postings (account_id, transaction_id, sequence, posted_at, amount, description, transaction_type,
                             status, content_hash)
       VALUES ($1, 'p', 100, '2026-11-10T15:00:00Z', -12.5, 'Card', 'debit', 'pending', 'one')`,
      [feed.accountId],
    );
    const dates = async (change: string) => {
      const { rows } = await pool.query<{ booking_day: string; send_at: string }>(
        `UPDATE postings SET ${change} WHERE account_id = $1 AND transaction_id = 'p' RETURNING booking_day, send_at`,
        [feed.accountId],
      );
      return Object.values(rows[0] ?? {});
    };
    // This version decides the day itself, and adds what was replaced.
    const own = `booking_day = '2026-11-12', send_at = '2026-11-12T12:00:00Z', earlier_hashes = 'one'`;
    expect(await dates(`content_hash = 'two', ${own}`)).toEqual(['2026-11-12', '2026-11-12T12:00:00.000Z']);
    const old = `posted_at = '2026-11-14T03:00:00Z', status = 'posted', content_hash = 'three'`;
    expect(await dates(old)).toEqual(['2026-11-13', '2026-11-13T12:00:00.000Z']);
  });

  it('goes on beside a worker of 0.2.0, which inserts postings without days and orders batches by instants', async () => {
    const feed = await fixture.makeFeed({ startDate: start });
    const { pool, deps } = await upgrade(feed, { sent: true, bankTimeZone: 'America/New_York' });
    await fixture.untilCaughtUp(feed, { deps });
    const old = new pg.Client({ connectionString: opened.at(-1)?.database.url });
    await old.connect();
    try {
      const later: OldPosting[] = [
        { id: 'e1', at: '2026-11-10T15:00:00.000Z' },
        // Its day in New York is 9 November: before `e1`, though its instant is before, too; and one that is not built.
        { id: 'e2', at: '2026-11-10T03:00:00.000Z' },
        { id: 'e3', at: '2026-11-11T04:00:00.000Z' },
      ];
      for (const [index, { id, at }] of later.entries()) {
        await old.query(
          `INSERT INTO postings (account_id, transaction_id, sequence, posted_at, amount, description,
                                 transaction_type, status, content_hash)
           VALUES ($1, $2, $3, $4, -12.5, $5, 'debit', 'posted', sha256($2::text::bytea))`,
          [feed.accountId, id, all.length + index + 1, at, `Posting ${id}`],
        );
      }
      const sequence = all.length + later.length;
      await old.query(`UPDATE accounts SET last_sequence = $2 WHERE account_id = $1`, [
        feed.accountId,
        sequence,
      ]);
      const row = await readFeed(pool, feed);
      const key = randomUUID();
      const { rows } = await pool.query<{ number: number }>(
        `SELECT max(number) + 1 AS number FROM batches WHERE feed_id = $1`,
        [feed.feedId],
      );
      // The old worker sends `e1` alone, moves the cursor to its instant, and has examined all.
      const sent = later.slice(0, 1);
      await insertBatch(old, feed, { number: rows[0]?.number ?? 0, postings: sent, state: 'delivered', key });
      await fixture.deps.rutter.postTransactions({
        accessToken: openAccessToken(fixture.deps.keyring, row!),
        idempotencyKey: key,
        body: bytesOf(feed, sent),
      });
      await old.query(
        `UPDATE feeds SET cursor_posted_at = $2, cursor_sequence = $3, examined_sequence = $4 WHERE feed_id = $1`,
        [feed.feedId, sent[0]?.at, all.length + 1, sequence],
      );
    } finally {
      await old.end();
    }
    await fixture.untilCaughtUp(feed, { deps });
    const booked = (await fixture.book(feed)).map(({ transaction_id, posted_at }) => [
      transaction_id,
      posted_at,
    ]);
    expect(booked.slice(expected['America/New_York'].length)).toEqual([
      ['e1', '2026-11-10T15:00:00.000Z'],
      ['e2', '2026-11-09T12:00:00.000Z'],
      ['e3', '2026-11-10T12:00:00.000Z'],
    ]);
  });
});
