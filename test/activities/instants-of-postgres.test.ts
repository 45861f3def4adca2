import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPool, transaction, type Pool } from '../../src/db/pool.js';
import { UnknownValueForm } from '../../src/db/value-parsers.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase({ empty: true });
  pool = createPool(database.url, 2, () => undefined);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function one(text: string, values: unknown[] = []): Promise<unknown> {
  const { rows } = await pool.query<{ value: unknown }>(`SELECT ${text} AS value`, values);
  return rows[0]?.value;
}

it.each([
  ['2026-02-03T09:14:07.123Z', '2026-02-03T09:14:07.123Z'],
  ['2026-02-03T09:14:07.123456Z', '2026-02-03T09:14:07.123456Z'],
  ['2026-02-03T09:14:07Z', '2026-02-03T09:14:07.000Z'],
  // The night in which the clocks in London are set back.
  ['2026-10-25T01:30:00+01:00', '2026-10-25T00:30:00.000Z'],
  ['2026-10-25T01:30:00+00:00', '2026-10-25T01:30:00.000Z'],
  ['2026-02-03T09:14:07.5-09:30', '2026-02-03T18:44:07.500Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
])('PostgreSQL returns the instant %s as %s', async (given, expected) => {
  expect(await one('$1::timestamptz', [given])).toBe(expected);
});

it('an instant does not depend on the time zone of the server, the database or the role', async () => {
  await pool.query(`DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Kolkata''', current_database());
    EXECUTE format('ALTER DATABASE %I SET datestyle = ''SQL, DMY''', current_database());
  END $$`);
  const later = createPool(database.url, 1, () => undefined);
  try {
    const { rows } = await later.query(
      `SELECT timestamptz '2026-07-01T12:00:00.25+05:30' AS at, date '2026-07-01' AS day`,
    );
    expect(rows).toEqual([{ at: '2026-07-01T06:30:00.250Z', day: '2026-07-01' }]);
  } finally {
    await later.end();
  }
});

it('an instant of a session in another time zone is an error, never a guess', async () => {
  await transaction(pool, async (db) => {
    await db.query(`SET LOCAL timezone = 'America/St_Johns'`);
    await expect(db.query(`SELECT timestamptz '2026-02-03T09:14:07.123456Z' AS at`)).rejects.toThrow(
      UnknownValueForm,
    );
    // The connection is as usable as before.
    expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

it.each(['timestamp', 'time', 'timetz', 'interval', 'timestamptz[]', 'date[]', 'numeric[]'])(
  'a %s is refused: its form is not exact',
  async (type) => {
    const value =
      type === 'interval'
        ? '1 day'
        : type === 'numeric[]'
          ? '{0.1}'
          : type.endsWith('[]')
            ? '{2026-02-03}'
            : '2026-02-03 09:14:07+00';
    await expect(one('$1::text::' + type, [value])).rejects.toThrow('must cast it');
  },
);

it.each(['0.10', '-0.00', '12345678901234567890.123456789', '100', 'NaN'])(
  'the numeric %s keeps all digits',
  async (text) => {
    expect(await one('$1::numeric', [text])).toBe(text === '-0.00' ? '0.00' : text);
  },
);

it.each(['9007199254740993', '-9223372036854775808', '9223372036854775807'])(
  'the bigint %s is not rounded to a double',
  async (text) => {
    expect(await one('$1::bigint', [text])).toBe(text);
  },
);

it('a count, which is a bigint, is returned as text', async () => {
  expect(await one('count(*)')).toBe('1');
});

it.each(['2026-02-28', '0001-01-01', '9999-12-31'])(
  'the date %s stays the same date in every time zone',
  async (text) => {
    expect(await one('$1::date', [text])).toBe(text);
  },
);

it('integers, booleans, JSON, arrays and nulls keep their types', async () => {
  const { rows } = await pool.query(
    `SELECT 7::int AS a, true AS b, '{"c": [0.5]}'::jsonb AS c, ARRAY['x', 'y'] AS d, NULL::timestamptz AS e`,
  );
  expect(rows).toEqual([{ a: 7, b: true, c: { c: [0.5] }, d: ['x', 'y'], e: null }]);
});

it('an instant that was read equals the instant of its row in a comparison', async () => {
  const at = await one(`timestamptz '2026-02-03 09:14:07.123457+00'`);
  expect(await one(`$1::timestamptz = timestamptz '2026-02-03 09:14:07.123457+00'`, [at])).toBe(true);
});

it('a transaction that throws is rolled back and releases its connection', async () => {
  await pool.query('CREATE TABLE kept (n int)');
  for (let round = 0; round < 4; round += 1) {
    await expect(
      transaction(pool, async (db) => {
        await db.query('INSERT INTO kept VALUES (1)');
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
  }
  expect(await one('(SELECT count(*) FROM kept)')).toBe('0');
  expect(pool.totalCount - pool.idleCount).toBe(0);
});
