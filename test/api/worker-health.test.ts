import { expect, test } from 'vitest';
import { createPool } from '../../src/db/pool.js';
import { startRole } from '../support/processes.js';
import { createTestDatabase } from '../support/database.js';
import { createTestNamespace } from '../support/temporal.js';

/** Runs the health check as a container does: no worker of this host runs in these tests. */
async function check(env: Record<string, string>): Promise<{ code: number | null; lines: string[] }> {
  const role = startRole({ entry: 'scripts/worker-health.ts', env });
  const { code } = await role.exited;
  return { code, lines: role.output().trim().split('\n') };
}

test('the health check of a worker names each part that keeps it from its work, and ends with 1', async () => {
  const database = await createTestDatabase();
  const pool = createPool(database.url, 1, () => undefined);
  const { address, namespace } = await createTestNamespace();
  try {
    const reachable = {
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
    };
    const [alone, noDatabase, noNamespace] = await Promise.all([
      check(reachable),
      check({ ...reachable, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }),
      check({ ...reachable, TEMPORAL_NAMESPACE: 'nobody-made-it' }),
    ]);
    const noWorker = 'no worker of this host polls workflows, interactive, deliver';
    expect(alone).toEqual({ code: 1, lines: [noWorker] });
    expect(noDatabase.code).toBe(1);
    expect(noDatabase.lines).toEqual([expect.stringMatching(/^database: ECONNREFUSED: /), noWorker]);
    // Workers wait for the end of a repair: ending one then would only make the others wait longer.
    await pool.query(
      `UPDATE database_mark SET restored_at = now(), repairing_until = now() + interval '1 hour'`,
    );
    expect(await check(reachable)).toEqual({ code: 0, lines: [''] });
    expect(noNamespace.code).toBe(1);
    expect(noNamespace.lines).toEqual([expect.stringMatching(/^temporal: NOT_FOUND: /)]);
  } finally {
    await pool.end();
    await database.drop();
  }
});
