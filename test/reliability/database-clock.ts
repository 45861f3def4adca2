import pg from 'pg';
import { runMigrations } from '../../src/db/run-migrations.js';
import { createPool, type Pool } from '../../src/db/pool.js';
import { createTestDatabase } from '../support/database.js';

/**
 * Makes the clock of a database movable: functions with the names of the built-in ones come first in the search path of
 * the pool, so that every statement uses them, and so does every default of a column.
 */
const movableClockSql = `
  CREATE SCHEMA movable_clock;
  CREATE TABLE movable_clock.shift (by_ms float8 NOT NULL);
  INSERT INTO movable_clock.shift VALUES (0);
  CREATE FUNCTION movable_clock.offset_interval() RETURNS interval LANGUAGE sql STABLE
    AS $$ SELECT by_ms * interval '1 millisecond' FROM movable_clock.shift $$;
  CREATE FUNCTION movable_clock.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT pg_catalog.now() + movable_clock.offset_interval() $$;
  CREATE FUNCTION movable_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS $$ SELECT pg_catalog.clock_timestamp() + movable_clock.offset_interval() $$;
  CREATE FUNCTION movable_clock.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT pg_catalog.statement_timestamp() + movable_clock.offset_interval() $$;
  DO $$ DECLARE held record; BEGIN
    FOR held IN SELECT adrelid::regclass AS owner, attname AS name, pg_get_expr(adbin, adrelid) AS given
                  FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
                 WHERE pg_get_expr(adbin, adrelid) IN ('now()', 'clock_timestamp()') LOOP
      EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT movable_clock.%s', held.owner, held.name, held.given);
    END LOOP;
  END $$;`;

const movableSearchPath = 'public, movable_clock, pg_catalog';

/** A migrated database of its own whose clock can be moved. */
export async function createMovableDatabase(
  connectionsMax: number,
): Promise<{ pool: Pool; drop: () => Promise<void> }> {
  const database = await createTestDatabase({ empty: true });
  await runMigrations(database.url);
  await makeClockMovable(database.url);
  const pool = createPool(database.url, connectionsMax, () => undefined);
  // After the pool has set the session, and before the first statement of its caller.
  pool.on('connect', (client) => void client.query(`SET search_path TO ${movableSearchPath}`));
  return {
    pool,
    drop: async () => {
      await pool.end();
      await database.drop();
    },
  };
}

async function makeClockMovable(databaseUrl: string): Promise<void> {
  const admin = new pg.Client({ connectionString: databaseUrl });
  await admin.connect();
  const name = new URL(databaseUrl).pathname.slice(1);
  await admin.query(movableClockSql);
  // A crash of the machine is not among the faults, so committed data need not reach the disk.
  await admin.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
  await admin.end();
}

/** One clock for PostgreSQL and the sandbox. It jumps forward by hours at once and never goes back. */
export class DeliveryClock {
  #offsetMs = 0;
  /** Sets the clock of the sandbox, which is a new one in every run. */
  #setSandboxClock: (nowMs: number) => Promise<unknown> = () => Promise.resolve();

  constructor(private readonly pool: Pool) {}

  nowMs(): number {
    return Date.now() + this.#offsetMs;
  }

  async attach(setSandboxClock: (nowMs: number) => Promise<unknown>): Promise<void> {
    this.#setSandboxClock = setSandboxClock;
    await setSandboxClock(this.nowMs());
  }

  /** Lets time pass while no delivery run is active: leases expire. */
  async advance(ms: number): Promise<void> {
    this.#offsetMs += ms;
    await this.pool.query(`UPDATE movable_clock.shift SET by_ms = $1`, [this.#offsetMs]);
    await this.#setSandboxClock(this.nowMs());
  }

  /** Lets time pass while a sender waits: it and all other lease holders renew their leases meanwhile. */
  async wait(ms: number): Promise<void> {
    await this.pool.query(
      `UPDATE delivery_locks SET lease_until = lease_until + $1 * interval '1 millisecond' WHERE lease_until >= clock_timestamp()`,
      [ms],
    );
    await this.advance(ms);
  }
}
