import { Connection } from '@temporalio/client';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../scripts/local/free-port.js';
import { buildWorkflowBundle } from '../../scripts/workflow-bundle.js';
import { createKeyEntry } from '../../src/crypto/keyring.js';
import { explainUnavailable } from '../../src/db/explain-unavailable.js';
import { runMigrations } from '../../src/db/run-migrations.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startRole, until, type RoleProcess } from '../support/processes.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

/* Parts may be started in any order: a role waits for what is missing, with one line for each cause. */

const startMs = 60_000;
const roles: RoleProcess[] = [];
let database: TestDatabase | undefined;
afterEach(async () => {
  await Promise.all(roles.splice(0).map((role) => role.kill('SIGKILL')));
  await database?.drop();
  database = undefined;
});

function start(entry: string, env: Record<string, string>): RoleProcess {
  const role = startRole({ entry, env });
  roles.push(role);
  return role;
}

/** The lines about waiting, as `part: cause`; a wait that has ended as `part: there`. */
function waits(role: RoleProcess): string[] {
  return role
    .output()
    .split('\n')
    .filter((line) => line.includes('a part'))
    .map((line) => {
      const { part, cause } = JSON.parse(line) as { part: string; cause?: string };
      return `${part}: ${cause ?? 'there'}`;
    });
}

describe('migrate', () => {
  it('waits for PostgreSQL with one line, and then does its work', async () => {
    database = await createTestDatabase({ empty: true });
    const port = await freePort();
    const url = new URL(database.url);
    const targetPort = Number(url.port);
    url.host = `127.0.0.1:${port}`;
    const role = start('src/db/migrate.ts', { DATABASE_URL: url.href });
    await role.waitForLine(/waiting for a part/, startMs);
    const proxy = await startTcpProxy({ targetPort, port });
    expect(await role.exited).toEqual({ code: 0, signal: null });
    await proxy.close();
    expect(role.output()).toContain('"migrated"');
    expect(waits(role)).toEqual([
      `PostgreSQL: connect ECONNREFUSED 127.0.0.1:${port} (ECONNREFUSED): start PostgreSQL, or correct DATABASE_URL`,
      'PostgreSQL: there',
    ]);
  });

  it('does not wait for a wrong password: it ends with one sentence', async () => {
    const url = new URL(inject('postgresUrl'));
    url.password = 'wrong';
    const role = start('src/db/migrate.ts', { DATABASE_URL: url.href });
    expect(await role.exited).toEqual({ code: 78, signal: null });
    expect(role.output()).toMatch(
      /^password authentication failed.*\(28P01\): correct the user or the password.*\n$/,
    );
  });
});

it('a database without a free connection, or not yet created, is explained with the remedy', async () => {
  const url = new URL(inject('postgresUrl'));
  url.pathname = '/not_yet_created';
  const client = new pg.Client({ connectionString: url.href });
  const missing: unknown = await client.connect().catch((error: unknown) => error);
  expect(explainUnavailable(missing)).toBe(
    'database "not_yet_created" does not exist (3D000): create the database, or correct DATABASE_URL',
  );
  const full = Object.assign(new Error('sorry, too many clients already'), { code: '53300' });
  expect(explainUnavailable(full)).toBe(
    'sorry, too many clients already (53300): end other connections, or raise max_connections',
  );
});

describe('the worker', () => {
  it('waits for its namespace, then for the schema, and ends with 0 when it is asked to stop meanwhile', async () => {
    await buildWorkflowBundle();
    database = await createTestDatabase({ empty: true });
    const namespace = `late-${randomBytes(6).toString('hex')}`;
    const env = {
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: inject('temporalAddress'),
      TEMPORAL_NAMESPACE: namespace,
      RUTTER_API_URL: 'http://localhost:1/versioned',
      RUTTER_CLIENT_ID: 'client',
      RUTTER_CLIENT_SECRET: 'secret',
      ENCRYPTION_KEYS: createKeyEntry('test'),
    };
    const role = start('worker.ts', env);
    const stopped = start('worker.ts', env);
    await Promise.all([role, stopped].map((each) => each.waitForLine(/waiting for a part/, startMs)));
    expect(await stopped.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await registerNamespace(namespace);
    await until(() => waits(role).some((line) => line.startsWith('PostgreSQL: ')), {
      describe: 'the worker waits for the schema',
    });
    await runMigrations(database.url);
    await role.waitForLine(/"worker running"/, startMs);
    const schema =
      /^PostgreSQL: the database does not have the schema of this version yet \(up to \d{4}_\w+\): run "npm run migrate"$/;
    expect(waits(role)).toEqual([
      `Temporal: the namespace "${namespace}" does not exist: create it, or correct TEMPORAL_NAMESPACE`,
      'Temporal: there',
      expect.stringMatching(schema) as string,
      'PostgreSQL: there',
    ]);
    expect(await role.kill('SIGINT')).toEqual({ code: 0, signal: null });
  });
});

async function registerNamespace(namespace: string): Promise<void> {
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
  } finally {
    await connection.close();
  }
}
