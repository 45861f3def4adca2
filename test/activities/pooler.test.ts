import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { withConnectionTurn } from '../../src/db/connections.js';
import { runMigrations } from '../../src/db/run-migrations.js';
import { createPool, transaction, type Pool } from '../../src/db/pool.js';
import { DatabaseRefused, sessionSettings } from '../../src/db/session-settings.js';
import { isDatabaseUnavailable } from '../../src/db/unavailable.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { roleDefaults } from '../support/through-pgbouncer.js';
import { startPgbouncer, type Pgbouncer } from '../support/pgbouncer.js';

let database: TestDatabase;
const opened: { end(): Promise<unknown> }[] = [];
const bouncers: Pgbouncer[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  // A server whose defaults are none of ours: what is right through the pooler is right because of the service.
  await direct(`ALTER DATABASE ${databaseName()} SET TimeZone = 'Asia/Kolkata'`);
  await direct(`ALTER DATABASE ${databaseName()} SET DateStyle = 'SQL, DMY'`);
  await direct(`ALTER DATABASE ${databaseName()} SET default_transaction_isolation = 'repeatable read'`);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.end()));
  await Promise.all(bouncers.splice(0).map((bouncer) => bouncer.stop()));
});
afterAll(() => database.drop());

function databaseName(): string {
  return new URL(database.url).pathname.slice(1);
}

async function direct(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function bounce(
  poolMode: 'session' | 'transaction' | 'statement',
  settings: Record<string, string> = {},
): Promise<Pgbouncer> {
  const bouncer = await startPgbouncer({ databaseUrl: database.url, poolMode, settings });
  bouncers.push(bouncer);
  return bouncer;
}

function poolOf(url: string, connectionsMax = 10): Pool {
  const pool = createPool(url, connectionsMax, () => undefined);
  opened.push(pool);
  return pool;
}

const show = `SELECT name, setting FROM pg_settings WHERE name = ANY ($1::text[])`;

async function settingsOf(pool: Pool): Promise<Record<string, string>> {
  const { rows } = await pool.query<{ name: string; setting: string }>(show, [Object.keys(sessionSettings)]);
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
}

async function setRoleDefaults(): Promise<void> {
  for (const statement of roleDefaults(databaseName())) await direct(statement);
}

async function resetRoleDefaults(): Promise<void> {
  await direct(`ALTER ROLE CURRENT_USER IN DATABASE ${databaseName()} RESET ALL`);
}

describe('behind PgBouncer in session mode', () => {
  it('every connection has the settings, also one that another client had before', async () => {
    const bouncer = await bounce('session', { default_pool_size: '5', server_reset_query: 'DISCARD ALL' });
    for (let round = 0; round < 3; round += 1) {
      const pool = createPool(bouncer.url, 3, () => undefined);
      expect(await settingsOf(pool)).toEqual(sessionSettings);
      await pool.end();
    }
  });

  it('a pool of one connection at the server is waited for, not taken for another mode', async () => {
    const bouncer = await bounce('session', { default_pool_size: '1' });
    // The only connection of the server ends its turn before the pool's own connection gets one.
    const pool = poolOf(bouncer.url, 1);
    const error: unknown = await pool.query('SELECT 1').catch((reason: unknown) => reason);
    expect(isDatabaseUnavailable(error), String(error)).toBe(true);
    expect(error).not.toBeInstanceOf(DatabaseRefused);
  });
});

describe('behind PgBouncer in transaction mode', () => {
  it('connections are refused in one sentence without the defaults of the role, and work with them', async () => {
    const bouncer = await bounce('transaction');
    const pool = poolOf(bouncer.url);
    const error: unknown = await pool.query('SELECT 1').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DatabaseRefused);
    expect(String(error)).toMatch(
      /transaction mode.*the role "postgres".*TimeZone.*docs\/operations\/pooler\.md/,
    );
    expect(isDatabaseUnavailable(error)).toBe(true);
    await setRoleDefaults();
    try {
      // It returns by itself, without a restart of the process.
      await bouncer.console(`RECONNECT`);
      await expect
        .poll(() => settingsOf(pool).catch(() => null), { timeout: 10_000 })
        .toEqual(sessionSettings);
      // Other clients' statements go through the same few connections of the server.
      const many = poolOf(bouncer.url, 30);
      const times = await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          index % 2 === 0
            ? many.query<{ at: string }>(`SELECT timestamptz '2026-07-01T00:00:00Z' AS at`)
            : transaction(many, (db) =>
                db.query<{ at: string }>(`SELECT timestamptz '2026-07-01T00:00:00Z' AS at`),
              ),
        ),
      );
      expect(new Set(times.map(({ rows }) => rows[0]?.at))).toEqual(new Set(['2026-07-01T00:00:00.000Z']));
    } finally {
      await resetRoleDefaults();
    }
  });

  it.each([{ server_round_robin: '0' }, { server_round_robin: '1' }])(
    'one process at a time has the turn of a connection, and the next one gets it (%o)',
    async (settings) => {
      await setRoleDefaults();
      try {
        const { url } = await bounce('transaction', settings);
        const processes = [poolOf(url, 10), poolOf(url, 10)];
        let [inTurn, mostInTurn] = [0, 0];
        const takeTurn = (pool: Pool) =>
          withConnectionTurn(pool, { connectionId: 'one' }, async (db) => {
            inTurn += 1;
            mostInTurn = Math.max(mostInTurn, inTurn);
            // What a turn writes is stored before it ends, and other statements use the pooler's connections.
            for (let step = 0; step < 5; step += 1) await db.query('SELECT pg_sleep(0.005)');
            inTurn -= 1;
          });
        const turns = Array.from({ length: 12 }, (_, index) => takeTurn(processes[index % 2] as Pool));
        await Promise.all(turns);
        expect(mostInTurn).toBe(1);
        const failing = withConnectionTurn(processes[0] as Pool, { connectionId: 'one' }, () =>
          Promise.reject(new Error('the request failed')),
        );
        await expect(failing).rejects.toThrow('the request failed');
        await takeTurn(processes[1] as Pool);
      } finally {
        await resetRoleDefaults();
      }
    },
  );

  it.each([{ server_round_robin: '0' }, { server_round_robin: '1' }])(
    'the mode is found while other clients keep the connections busy (%o)',
    async (settings) => {
      const bouncer = await bounce('transaction', { ...settings, default_pool_size: '3' });
      let busy = true;
      const others = Array.from({ length: 6 }, async () => {
        const client = new pg.Client({ connectionString: bouncer.url });
        await client.connect();
        while (busy) await client.query('SELECT pg_sleep(0.002)');
        await client.end();
      });
      const results = await Promise.all(
        Array.from({ length: 5 }, () =>
          poolOf(bouncer.url, 1)
            .query('SELECT 1')
            .catch((error: unknown) => error),
        ),
      );
      busy = false;
      await Promise.all(others);
      for (const result of results) expect(result).toBeInstanceOf(DatabaseRefused);
    },
  );
});

describe('migrations', () => {
  it('run through a pooler in session mode', async () => {
    const empty = await createTestDatabase({ empty: true });
    const bouncer = await startPgbouncer({ databaseUrl: empty.url, poolMode: 'session' });
    try {
      expect((await runMigrations(bouncer.url)).length).toBeGreaterThan(0);
      expect(await runMigrations(empty.url)).toEqual([]);
    } finally {
      await bouncer.stop();
      await empty.drop();
    }
  });

  it('are refused in one sentence through a pooler in transaction mode, where their lock would be lost', async () => {
    const bouncer = await bounce('transaction');
    const refused: unknown = await runMigrations(bouncer.url).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(DatabaseRefused);
    expect(String(refused)).toMatch(/Migrations need a session.*leads to PostgreSQL itself\.$/);
  });
});

it('statement mode, which has no transactions, is refused in one sentence', async () => {
  const bouncer = await bounce('statement');
  const error: unknown = await poolOf(bouncer.url)
    .query('SELECT 1')
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DatabaseRefused);
  expect(String(error)).toContain('statement mode');
});
