import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createKeyEntry } from '../../src/crypto/keyring.js';
import { bankFeedWorkflowId } from '../../src/domain/ids.js';
import { registerSearchAttributes } from '../../src/temporal/search-attributes.js';
import {
  createDeliveryFixture,
  sandboxCredentials,
  type DeliveryFixture,
} from '../support/rutter/delivery-fixture.js';
import { runBankfeeds } from '../support/cli.js';
import { createTestNamespace, type TestNamespace } from '../support/temporal.js';

/* `bankfeeds doctor --after-restore` as a process, on a database without the rows of the lost time. */

const encryptionKeys = createKeyEntry('drill');
let fixture: DeliveryFixture;
let namespace: TestNamespace;
let connection: Connection;
let client: Client;
beforeAll(async () => {
  [fixture, namespace] = await Promise.all([
    createDeliveryFixture(),
    createTestNamespace({ register: registerSearchAttributes }),
  ]);
  connection = await Connection.connect({ address: namespace.address });
  client = new Client({ connection, namespace: namespace.namespace });
});
afterAll(async () => {
  await connection.close();
  await fixture.close();
});

async function runAfterRestore(): Promise<Awaited<ReturnType<typeof runBankfeeds>>> {
  const { rows } = await fixture.pool.query<{ name: string }>(`SELECT current_database() AS name`);
  const url = new URL(fixture.pool.options.connectionString ?? '');
  url.pathname = `/${rows[0]!.name}`;
  return await runBankfeeds(['doctor', '--after-restore', '--json'], {
    DATABASE_URL: url.href,
    TEMPORAL_ADDRESS: namespace.address,
    TEMPORAL_NAMESPACE: namespace.namespace,
    PUBLIC_URL: 'http://localhost:1',
    RUTTER_API_URL: fixture.sandbox.apiUrl,
    RUTTER_CLIENT_ID: sandboxCredentials.clientId,
    RUTTER_CLIENT_SECRET: sandboxCredentials.clientSecret,
    ENCRYPTION_KEYS: encryptionKeys,
  });
}

async function afterRestore(): Promise<Record<string, number>> {
  const { code, stdout, stderr } = await runAfterRestore();
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, number>;
}

it('adopts what Rutter has on its old connection, ends the workflow of a lost row, and finds nothing the second time', async () => {
  const feed = await fixture.makeFeed({ startDate: '2026-03-01T00:00:00.000Z' });
  for (const table of ['feeds', 'connections']) {
    await fixture.pool.query(`DELETE FROM ${table} WHERE connection_id = $1`, [feed.connectionId]);
  }
  const workflowId = bankFeedWorkflowId(randomUUID());
  await client.workflow.start('bankFeedWorkflow', { workflowId, taskQueue: 'nobody-polls', args: [{}] });
  expect(await afterRestore()).toMatchObject({ adoptedConnections: 1, adoptedFeeds: 1 });
  const { rows } = await fixture.pool.query(
    `SELECT rutter_account_id AS id FROM feeds WHERE account_id = $1`,
    [feed.accountId],
  );
  expect(rows).toEqual([{ id: feed.rutterAccountId }]);
  // The list of running workflows lags: a repeat finds what the first run missed.
  expect(await afterRestore()).toMatchObject({ adoptedConnections: 0, adoptedFeeds: 0 });
  expect((await client.workflow.getHandle(workflowId).describe()).status.name).toBe('TERMINATED');
});

it('changes nothing while a worker is repairing, and does its work when that one has died', async () => {
  await fixture.pool.query(
    `UPDATE database_mark SET restored_at = now(), lost_from = now(), lost_until = now(), repairing_until = now() + interval '1 hour'`,
  );
  const refused = await runAfterRestore();
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('a worker is repairing the restored database now');
  const { rows } = await fixture.pool.query(
    `SELECT restored_at IS NULL AS done, repairing_until > now() + interval '50 minutes' AS held FROM database_mark`,
  );
  expect(rows).toEqual([{ done: false, held: true }]);
  await fixture.pool.query(`UPDATE database_mark SET repairing_until = now() - interval '1 second'`);
  await afterRestore();
  const { rows: after } = await fixture.pool.query(`SELECT restored_at, repairing_until FROM database_mark`);
  expect(after).toEqual([{ restored_at: null, repairing_until: null }]);
});
