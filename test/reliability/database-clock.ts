import pg from 'pg';
import { runMigrations } from '../../src/db/migrate.js';
import { createPool, type Pool } from '../../src/db/pool.js';
import { createTestDatabase } from '../support/database.js';

/**
 * The clock of a database that can be moved: its own functions of the same names stand before the built-in ones in the
 * search path, so that every statement, and every default of a column made after this, reads them.
 */
const movableClockSql = `
  CREATE SCHEMA movable_clock;
  CREATE TABLE movable_clock.shift (by_ms float8 NOT NULL);
  INSERT INTO movable_clock.shift VALUES (0);
  CREATE FUNCTION movable_clock.ahead() RETURNS interval LANGUAGE sql STABLE
    AS $$ SELECT by_ms * interval '1 millisecond' FROM movable_clock.shift $$;
  CREATE FUNCTION movable_clock.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT pg_catalog.now() + movable_clock.ahead() $$;
  CREATE FUNCTION movable_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS $$ SELECT pg_catalog.clock_timestamp() + movable_clock.ahead() $$;
  CREATE FUNCTION movable_clock.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT pg_catalog.statement_timestamp() + movable_clock.ahead() $$;`;

/** A migrated database of its own whose clock can be moved. */
export async function createMovableDatabase(
  connectionsMax: number,
): Promise<{ pool: Pool; drop: () => Promise<void> }> {
  const database = await createTestDatabase({ empty: true });
  await makeClockMovable(database.url);
  await runMigrations(database.url);
  const pool = createPool(database.url, connectionsMax, () => undefined);
  return {
    pool,
    drop: async () => {
      await pool.end();
      await database.drop();
    },
  };
}

/** To be run before the migrations: the defaults of their columns are bound to the clock, too. */
async function makeClockMovable(databaseUrl: string): Promise<void> {
  const admin = new pg.Client({ connectionString: databaseUrl });
  await admin.connect();
  const name = new URL(databaseUrl).pathname.slice(1);
  await admin.query(movableClockSql);
  await admin.query(`ALTER DATABASE ${name} SET search_path = public, movable_clock, pg_catalog`);
  // A crash of the machine is not among the faults: what is committed need not reach the disk.
  await admin.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
  await admin.end();
}

/** One clock for PostgreSQL and the sandbox: hours pass at once, and never backwards. */
export class DeliverClock {
  #offsetMs = 0;
  /** The other part that has a clock; it changes with every run. */
  #follow: (nowMs: number) => Promise<unknown> = () => Promise.resolve();

  constructor(private readonly pool: Pool) {}

  nowMs(): number {
    return Date.now() + this.#offsetMs;
  }

  async follow(follow: (nowMs: number) => Promise<unknown>): Promise<void> {
    this.#follow = follow;
    await follow(this.nowMs());
  }

  /** Time in which nobody is at work: leases run out. */
  async advance(ms: number): Promise<void> {
    this.#offsetMs += ms;
    await this.pool.query(`UPDATE movable_clock.shift SET by_ms = $1`, [this.#offsetMs]);
    await this.#follow(this.nowMs());
  }

  /** Time through which a sender waits: it renews its lease meanwhile, as do all that hold one. */
  async wait(ms: number): Promise<void> {
    await this.pool.query(
      `UPDATE delivery_locks SET lease_until = lease_until + $1 * interval '1 millisecond' WHERE lease_until >= clock_timestamp()`,
      [ms],
    );
    await this.advance(ms);
  }
}
