import pg from 'pg';
import { readText } from '../unit/docs-files.js';
import { startPgbouncer, type Pgbouncer } from './pgbouncer.js';

/** Defaults of a server that is not ours. */
const foreignDefaults = [
  `TimeZone = 'Asia/Kolkata'`,
  `DateStyle = 'SQL, DMY'`,
  `default_transaction_isolation = 'repeatable read'`,
  `statement_timeout = '0'`,
];

export interface ThroughPgbouncer {
  /** For the fixtures: answers the address of the database behind the pooler. */
  readonly reach: (databaseUrl: string) => Promise<string>;
  stop(): Promise<void>;
}

/** The real PgBouncer before a fixture's database, set up as docs/operations/pooler.md says, on a server with other defaults. */
export function throughPgbouncer(poolMode: 'session' | 'transaction'): ThroughPgbouncer {
  let bouncer: Pgbouncer | undefined;
  return {
    reach: async (databaseUrl) => {
      const name = new URL(databaseUrl).pathname.slice(1);
      const admin = new pg.Client({ connectionString: databaseUrl });
      await admin.connect();
      for (const setting of foreignDefaults) await admin.query(`ALTER DATABASE ${name} SET ${setting}`);
      if (poolMode === 'transaction') {
        for (const statement of roleDefaults(name)) await admin.query(statement);
      }
      await admin.end();
      // Fewer connections than clients: in transaction mode they share them.
      const settings = { default_pool_size: poolMode === 'transaction' ? '4' : '20' };
      bouncer = await startPgbouncer({ databaseUrl, poolMode, settings });
      return bouncer.url;
    },
    stop: async () => bouncer?.stop(),
  };
}

/** The statements of docs/operations/pooler.md, for the current role. */
export function roleDefaults(databaseName: string): string[] {
  const statements = readText('docs/operations/pooler.md').match(/^ALTER ROLE .*;$/gm) ?? [];
  return statements.map((statement) =>
    statement.replace(
      'ROLE bankfeeds IN DATABASE bankfeeds',
      `ROLE CURRENT_USER IN DATABASE ${databaseName}`,
    ),
  );
}
