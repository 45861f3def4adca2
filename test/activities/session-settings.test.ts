import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createPool, transaction, type Pool } from '../../src/db/pool.js';
import { DatabaseRefused, sessionSettings } from '../../src/db/session-settings.js';
import { createAvailability } from '../../src/domain/availability.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/** Defaults of a server that is not ours, each of which would change what statements mean or how values are written. */
const foreignDefaults = {
  TimeZone: 'Asia/Kolkata',
  DateStyle: 'SQL, DMY',
  IntervalStyle: 'iso_8601',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  array_nulls: 'off',
  standard_conforming_strings: 'off',
  search_path: 'elsewhere',
  default_transaction_isolation: 'repeatable read',
  statement_timeout: '100',
  lock_timeout: '1',
  idle_in_transaction_session_timeout: '1',
};

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  const admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
  const name = new URL(database.url).pathname.slice(1);
  await admin.query('CREATE SCHEMA elsewhere');
  await admin.query('CREATE TABLE elsewhere.customers (not_ours int)');
  for (const [setting, value] of Object.entries(foreignDefaults)) {
    await admin.query(`ALTER DATABASE ${name} SET ${setting} = '${value}'`);
  }
  await admin.end();
  pool = createPool(database.url, 20, () => undefined);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function settingsNow(): Promise<Record<string, string>> {
  const { rows } = await pool.query<{ name: string; setting: string }>(
    'SELECT name, setting FROM pg_settings WHERE name = ANY ($1::text[])',
    [Object.keys(sessionSettings)],
  );
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
}

it('every setting has a foreign default in these tests', () => {
  expect(Object.keys(foreignDefaults).sort()).toEqual(Object.keys(sessionSettings).sort());
});

it('every connection has the settings, whatever the defaults of the database', async () => {
  const held = await Promise.all(Array.from({ length: 5 }, () => pool.connect()));
  for (const client of held) client.release();
  for (let round = 0; round < 5; round += 1) expect(await settingsNow()).toEqual(sessionSettings);
});

it('values of each type are the same under foreign defaults', async () => {
  const { rows } = await pool.query(
    `SELECT timestamptz '2026-11-30T02:43:22.5Z' AS at, date '2026-11-30' AS day, '\\xff00'::bytea AS bytes,
            0.1::float8 + 0.2::float8 AS sum, ARRAY[NULL, 'NULL']::text[] AS texts, 'a\\b' AS text,
            (SELECT count(*) FROM customers)::text AS customers`,
  );
  expect(rows).toEqual([
    {
      at: '2026-11-30T02:43:22.500Z',
      day: '2026-11-30',
      bytes: Buffer.from([255, 0]),
      sum: 0.1 + 0.2,
      texts: [null, 'NULL'],
      text: 'a\\b',
      customers: '0',
    },
  ]);
});

it('a default of "repeatable read" makes none of forty changes of one row fail', async () => {
  await pool.query(`INSERT INTO rate_limits (name) VALUES ('shared')`);
  const change = `UPDATE rate_limits SET blocked_until = now() WHERE name = 'shared'`;
  const changes = Array.from({ length: 40 }, (_, index) =>
    index % 2 === 0 ? pool.query(change) : transaction(pool, (db) => db.query(change)),
  );
  expect((await Promise.all(changes)).map(({ rowCount }) => rowCount)).toEqual(changes.map(() => 1));
});

describe('a transaction that another one makes fail', () => {
  it('runs again after a deadlock, whichever of the two PostgreSQL ends', async () => {
    await pool.query(`INSERT INTO rate_limits (name) VALUES ('a'), ('b')`);
    let runs = 0;
    let holders = 0;
    const lock = `SELECT 1 FROM rate_limits WHERE name = $1 FOR UPDATE`;
    let bothHold: () => void = () => undefined;
    const holding = new Promise<void>((resolve) => (bothHold = resolve));
    const inOrder = (names: readonly [string, string]) =>
      transaction(pool, async (db) => {
        runs += 1;
        await db.query(lock, [names[0]]);
        holders += 1;
        if (holders === 2) bothHold();
        await holding;
        await db.query(lock, [names[1]]);
        return names.join();
      });
    expect(await Promise.all([inOrder(['a', 'b']), inOrder(['b', 'a'])])).toEqual(['a,b', 'b,a']);
    expect(runs).toBe(3);
  });

  it('is given up after five attempts', async () => {
    let runs = 0;
    const failing = transaction(pool, async (db) => {
      runs += 1;
      await db.query(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$`);
    });
    await expect(failing).rejects.toMatchObject({ code: '40001' });
    expect(runs).toBe(5);
  });

  it('does not count as an outage of the database', async () => {
    const availability = createAvailability({
      part: 'database',
      reporter: { unavailable: () => undefined, availableAgain: () => undefined },
      nowMs: () => performance.now(),
    });
    const observed = createPool(database.url, 1, () => undefined, availability);
    const raise = (code: string) =>
      observed.query(`DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '${code}'; END $$`);
    try {
      await expect(raise('40P01')).rejects.toMatchObject({ code: '40P01' });
      expect(availability.current()).toBeNull();
      await expect(raise('53100')).rejects.toMatchObject({ code: '53100' });
      expect(availability.current()?.code).toBe('53100');
    } finally {
      await observed.end();
    }
  });

  it('does not run again after any other error', async () => {
    let runs = 0;
    const failing = transaction(pool, async (db) => {
      runs += 1;
      await db.query(`DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '55P03'; END $$`);
    });
    await expect(failing).rejects.toMatchObject({ code: '55P03' });
    expect(runs).toBe(1);
  });
});

it('a database with another encoding is refused in one sentence', async () => {
  const admin = new pg.Client({ connectionString: inject('postgresUrl') });
  await admin.connect();
  const name = `${new URL(database.url).pathname.slice(1)}_latin1`;
  await admin.query(
    `CREATE DATABASE ${name} ENCODING 'LATIN1' TEMPLATE template0 LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'`,
  );
  const url = new URL(database.url);
  url.pathname = `/${name}`;
  const latin = createPool(url.href, 1, () => undefined);
  try {
    const error: unknown = await latin.query('SELECT 1').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DatabaseRefused);
    expect(String(error)).toContain('The database has the encoding LATIN1');
  } finally {
    await latin.end();
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.end();
  }
});
