import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bankFeedWorkflowId, fleetRepairScheduleId } from '../../../src/domain/ids.js';
import { createDataConverter } from '../../../src/temporal/data-converter.js';
import { searchAttributeTypes } from '../../../src/temporal/search-attributes.js';
import { openOutageFixture, type OutageFixture } from '../../support/rutter/outage-fixture.js';
import { until } from '../../support/until.js';

/* Temporal comes back without its data under running workers: real processes, the sandbox counts what arrives. */

const recovered = { timeoutMs: 240_000, everyMs: 500 };

let fixture: OutageFixture;
let client: Client;
let connection: Connection;
beforeAll(async () => {
  fixture = await openOutageFixture();
  const { temporalAddress, keyring } = fixture.stack;
  connection = Connection.lazy({ address: temporalAddress });
  client = new Client({ connection, dataConverter: createDataConverter(keyring) });
});
afterAll(async () => {
  await connection.close();
  await fixture.close();
});

async function loseTemporal(): Promise<void> {
  const { temporal, folder } = fixture.stack;
  await temporal.takeDown();
  for (const file of await readdir(folder)) {
    if (file.startsWith('temporal.db')) await rm(join(folder, file));
  }
  temporal.bringBack();
  await temporal.untilReady();
}

const alertsOf = async (code: string): Promise<string[]> => {
  const { rows } = await fixture.stack.pool.query<{ subject: string }>(
    `SELECT subject FROM alerts WHERE code = $1 ORDER BY 1`,
    [code],
  );
  return rows.map(({ subject }) => subject);
};

it('goes on with every feed from its row when Temporal comes back empty, and sends nothing twice', async () => {
  const { stack, core, feeds } = fixture;
  const isMarked = async () =>
    (await stack.pool.query(`SELECT 1 FROM database_mark WHERE written_mark IS NOT NULL`)).rowCount === 1;
  await until(isMarked, { ...recovered, describe: 'Temporal has the mark of the database' });
  for (const feed of feeds) await core.send(feed, 1_500);
  await fixture.untilCompleted();
  // As if they had been there for an hour: a young feed may not have its workflow yet.
  await stack.pool.query(`UPDATE feeds SET created_at = created_at - interval '1 hour'`);

  // In the middle of new deliveries.
  for (const feed of feeds.slice(0, 3)) await core.send(feed, 2_500);
  await loseTemporal();
  const endsBefore = fixture.unplannedEnds();
  for (const feed of feeds) await core.send(feed, 50);
  await fixture.untilCompleted();

  await stack.pool.query(`UPDATE feeds SET state_since = state_since - interval '1 hour'`);
  for (const feed of feeds) {
    const runs = async () => {
      const described = await client.workflow.getHandle(bankFeedWorkflowId(feed.feedId)).describe();
      return described.status.name === 'RUNNING';
    };
    await until(() => runs().catch(() => false), {
      ...recovered,
      describe: `${feed.feedId} has its workflow`,
    });
  }
  const { customAttributes } = await connection.operatorService.listSearchAttributes({
    namespace: 'default',
  });
  expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.keys(searchAttributeTypes)));
  expect((await client.schedule.getHandle(fleetRepairScheduleId).describe()).state.paused).toBe(false);
  const lost = [
    `schedule/${fleetRepairScheduleId}`,
    ...Object.keys(searchAttributeTypes).map((name) => `search_attribute/${name}`),
    'workflows',
  ].sort();
  await until(async () => (await alertsOf('temporal_data_lost')).length === lost.length, {
    ...recovered,
    describe: 'the losses are alerts',
  });
  expect(await alertsOf('temporal_data_lost')).toEqual(lost);
  // The next postings wake their feeds as before.
  for (const feed of feeds) await core.send(feed, 20);
  await fixture.untilCompleted();
  expect(fixture.unplannedEnds()).toBe(endsBefore);
});
