import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MigrationRefused, OldDatabase, OtherSchema, runMigrations } from '../../src/db/run-migrations.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let client: pg.Client;
beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterEach(async () => {
  await client.end();
  await database.drop();
});

const root = fileURLToPath(new URL('../..', import.meta.url));

async function tables(): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/** As node-pg-migrate of a version before 0.2.0 left it behind. */
async function makeOld(): Promise<void> {
  await client.query(
    `CREATE TABLE migrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL);
     INSERT INTO migrations (name, run_on) VALUES ('0001_customers_and_feeds', now()), ('0002_rate_limits', now());
     CREATE TABLE customers (customer_id text PRIMARY KEY)`,
  );
}

describe('a migration', () => {
  it('makes the schema of an empty database once, however often it runs', async () => {
    const files = readdirSync(`${root}migrations`).sort();
    expect((await runMigrations(database.url)).map((name) => `${name}.sql`)).toEqual(files);
    const made = await tables();
    expect(made).toContain('customers');
    expect(await runMigrations(database.url)).toEqual([]);
    expect(await tables()).toEqual(made);
  });

  it('refuses a database made before version 0.2.0 in one sentence that says what to do, and changes nothing', async () => {
    await makeOld();
    const refused = await runMigrations(database.url).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OldDatabase);
    const { message } = refused as Error;
    expect(message).toContain('npm start -- --fresh');
    expect(message.match(/[.!?](\s|$)/g)).toHaveLength(1);
    expect(message).not.toContain('\n');
    expect(await tables()).toEqual(['customers', 'migrations']);
  });

  it('refuses a time zone that PostgreSQL does not know with an error of the configuration, and changes nothing', async () => {
    const refused = await runMigrations(database.url, { bankTimeZone: 'Mars/Olympus' }).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(MigrationRefused);
    expect((refused as Error).message).toContain('BANK_TIME_ZONE: PostgreSQL does not know this time zone');
    expect((refused as Error).message).not.toContain('Mars');
    expect(await tables()).toEqual([]);
    expect((await runMigrations(database.url, { bankTimeZone: 'Europe/Berlin' })).length).toBeGreaterThan(0);
  });

  it('runs whatever the defaults of the database are: time-outs, isolation, schema, forms of values', async () => {
    const name = new URL(database.url).pathname.slice(1);
    for (const setting of [
      `statement_timeout = '100ms'`,
      `lock_timeout = '1ms'`,
      `default_transaction_isolation = 'serializable'`,
      `search_path = 'elsewhere'`,
      `DateStyle = 'SQL, DMY'`,
      `TimeZone = 'Asia/Kolkata'`,
      `standard_conforming_strings = 'off'`,
    ]) {
      await client.query(`ALTER DATABASE ${name} SET ${setting}`);
    }
    expect((await runMigrations(database.url)).length).toBeGreaterThan(0);
    expect(await tables()).toContain('customers');
    expect(await runMigrations(database.url)).toEqual([]);
  });

  it('refuses tables in another schema in one sentence, and makes no second set of them', async () => {
    await runMigrations(database.url);
    await client.query('CREATE SCHEMA bank');
    for (const table of await tables()) await client.query(`ALTER TABLE public.${table} SET SCHEMA bank`);
    const refused = await runMigrations(database.url).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OtherSchema);
    expect(String(refused)).toContain('The tables are in the schema "bank"');
    expect(await tables()).toEqual([]);
  });

  it('prints that sentence alone and ends with the exit code of an unusable configuration', async () => {
    await makeOld();
    const run = promisify(execFile)(process.execPath, ['--import', 'tsx', 'src/db/migrate.ts'], {
      cwd: root,
      env: { PATH: process.env.PATH, DATABASE_URL: database.url },
    });
    await expect(run).rejects.toMatchObject({
      code: 78,
      stdout: '',
      stderr: `${new OldDatabase().message}\n`,
    });
  });
});
