import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkSetup } from '../../src/activities/setup/check-setup.js';
import { holdRestoreRepair } from '../../src/activities/setup/hold-restore-repair.js';
import {
  createSetupKeeper,
  type SetupKeeper,
  type SetupKeeperInput,
} from '../../src/activities/setup/keep-setup.js';
import { RutterUnreachable } from '../../src/clients/rutter/errors.js';
import { createKeyEntry, parseKeyring } from '../../src/crypto/keyring.js';
import { acknowledgeAlert } from '../../src/db/acknowledge-alert.js';
import { reviewAlerts } from '../../src/db/alerts.js';
import { dbChannels } from '../../src/db/channels.js';
import {
  endRestoreRepair,
  readPendingRestore,
  renewRestoreRepair,
  takeRestoreRepair,
} from '../../src/db/database-mark.js';
import { createPool, type Pool } from '../../src/db/pool.js';
import { channelIds } from '../../src/domain/channel.js';
import { databaseMarkScheduleId, fleetRepairScheduleId } from '../../src/domain/ids.js';
import { isTemporalUnavailable, WorkflowsUnavailable } from '../../src/temporal/calls.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { readDatabaseMark, writeDatabaseMark } from '../../src/temporal/database-mark.js';
import { searchAttributeTypes } from '../../src/temporal/search-attributes.js';
import { createTemporalSetup, type TemporalSetup } from '../../src/temporal/setup.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { createTestNamespace } from '../support/temporal.js';
import { until } from '../support/until.js';

/* A real Temporal server and a real database; what one of them has lost is taken away by hand. */

const soon = { timeoutMs: 60_000, everyMs: 50 };
const names = Object.keys(searchAttributeTypes);

let connection: Connection;
let database: TestDatabase;
let pool: Pool;
let client: Client;
let setup: TemporalSetup;
let namespace: string;

beforeAll(async () => {
  const made = await createTestNamespace();
  ({ namespace } = made);
  connection = await Connection.connect({ address: made.address });
  client = new Client({ connection, namespace });
  setup = createTemporalSetup({ client, connection, namespace });
});
beforeEach(async () => {
  database = await createTestDatabase();
  pool = createPool(database.url, 5, () => undefined);
  for (const id of [fleetRepairScheduleId, databaseMarkScheduleId]) {
    await client.schedule
      .getHandle(id)
      .delete()
      .catch(() => undefined);
  }
  return async () => {
    await pool.end();
    await database.drop();
  };
});
afterAll(() => connection.close());

const check = () => checkSetup({ pool, setup });
const moveMarkBack = () => pool.query(`UPDATE database_mark SET marked_at = marked_at - interval '1 hour'`);

async function alerts(): Promise<string[]> {
  const settings = { feedSyncIntervalMs: 86_400_000, configuredChannels: channelIds };
  expect(await reviewAlerts(pool, dbChannels, settings)).toEqual([]);
  const { rows } = await pool.query<{ alert: string }>(
    `SELECT code || ' ' || subject AS alert FROM alerts WHERE ended_at IS NULL ORDER BY 1`,
  );
  return rows.map(({ alert }) => alert);
}

/** The database came back from an earlier moment, and a check has found it. */
async function findRestore(): Promise<void> {
  await check();
  const { rows } = await pool.query<{ database_id: string }>(`SELECT * FROM database_mark`);
  const markedAt = new Date().toISOString();
  await writeDatabaseMark(client, { databaseId: rows[0]!.database_id, mark: 61, markedAt });
  expect(await check()).toMatchObject({ comparison: 'database_older' });
}

function keeper(input: Partial<SetupKeeperInput>): SetupKeeper {
  return createSetupKeeper({
    pool,
    setup,
    logger: pino({ enabled: false }),
    stopping: new AbortController().signal,
    restoredAtStart: [],
    repairRestore: () => Promise.resolve({}),
    isTemporalUnavailable,
    ...input,
  });
}

async function registered(): Promise<string[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return Object.keys(customAttributes).filter((name) => names.includes(name));
}

async function repairScheduleExists(): Promise<boolean> {
  return await client.schedule
    .getHandle(fleetRepairScheduleId)
    .describe()
    .then(
      () => true,
      () => false,
    );
}

describe('what the service needs in Temporal', () => {
  it('is made at the first start without an alert, and a check later changes nothing', async () => {
    const first = await check();
    expect(first).toMatchObject({ wasLost: false, comparison: 'in_step' });
    expect(first.restored).toContain(`schedule/${fleetRepairScheduleId}`);
    expect((await registered()).sort()).toEqual([...names].sort());
    expect(await check()).toEqual({ restored: [], wasLost: false, comparison: 'in_step' });
    expect(await alerts()).toEqual([]);
  });

  it('is made again by a running worker when it is lost, with an alert that ends by itself', async () => {
    await check();
    const stopping = new AbortController();
    const kept = keeper({ stopping: stopping.signal, everyMs: 100 }).keep();
    await client.schedule.getHandle(fleetRepairScheduleId).delete();
    await connection.operatorService.removeSearchAttributes({ namespace, searchAttributes: ['FeedReason'] });
    await until(async () => (await repairScheduleExists()) && (await registered()).length === names.length, {
      ...soon,
      describe: 'Schedule and search attribute are there again',
    });
    const expected = ['search_attribute/FeedReason', `schedule/${fleetRepairScheduleId}`].map(
      (part) => `temporal_data_lost ${part}`,
    );
    await until(async () => (await alerts()).length === expected.length, { ...soon, describe: 'alerts' });
    expect(await alerts()).toEqual([...expected].sort());
    stopping.abort();
    await kept;
    await pool.query(`UPDATE restore_findings SET found_at = found_at - interval '61 minutes'`);
    expect(await alerts()).toEqual([]);
  });

  it('is reported as lost too when it was missing at the start of a worker', async () => {
    await check();
    const unreported = new Set([`schedule/${fleetRepairScheduleId}`]);
    expect(await checkSetup({ pool, setup, unreported })).toMatchObject({ wasLost: true });
    expect(await alerts()).toEqual([`temporal_data_lost schedule/${fleetRepairScheduleId}`]);
    expect(unreported.size).toBe(0);
  });

  it('is reported by the next check when the database did not take the alert', async () => {
    await check();
    await client.schedule.getHandle(fleetRepairScheduleId).delete();
    const unreported = new Set<string>();
    await pool.query(`ALTER TABLE restore_findings RENAME TO restore_findings_away`);
    await expect(checkSetup({ pool, setup, unreported })).rejects.toThrow(/restore_findings/);
    await pool.query(`ALTER TABLE restore_findings_away RENAME TO restore_findings`);
    expect(await repairScheduleExists()).toBe(true);
    expect(await checkSetup({ pool, setup, unreported })).toMatchObject({ wasLost: true });
    expect(await alerts()).toEqual([`temporal_data_lost schedule/${fleetRepairScheduleId}`]);
  });

  it('is checked without the encryption key under which another worker has written it', async () => {
    const setupOf = (key: string): TemporalSetup => {
      const keys = parseKeyring(createKeyEntry(key));
      if (!keys.ok) throw new Error(keys.problems.join());
      const dataConverter = createDataConverter(keys.keyring);
      return createTemporalSetup({
        client: new Client({ connection, namespace, dataConverter }),
        connection,
        namespace,
      });
    };
    const [newer, older] = [setupOf('newer'), setupOf('older')];
    expect((await checkSetup({ pool, setup: newer })).restored).toEqual([
      `schedule/${fleetRepairScheduleId}`,
    ]);
    expect(await checkSetup({ pool, setup: older })).toEqual({
      restored: [],
      wasLost: false,
      comparison: 'in_step',
    });
    expect(await older.readMark()).toMatchObject({ mark: 1 });
  });

  it('leaves a Schedule paused that an operator has paused', async () => {
    await check();
    await client.schedule.getHandle(fleetRepairScheduleId).pause('during the move');
    await check();
    const { state } = await client.schedule.getHandle(fleetRepairScheduleId).describe();
    expect(state).toMatchObject({ paused: true, note: 'during the move' });
  });
});

describe("the database's mark", () => {
  it('is counted by one of many processes, and only one finds a restore', async () => {
    await check();
    await Promise.all(Array.from({ length: 5 }, check));
    expect(await readDatabaseMark(client)).toMatchObject({ mark: 1 });
    await moveMarkBack();
    await Promise.all(Array.from({ length: 5 }, check));
    expect(await readDatabaseMark(client)).toMatchObject({ mark: 2 });
    expect(await alerts()).toEqual([]);
  });

  it('shows that the database was restored: since when, until when, until an operator has seen it', async () => {
    await check();
    const { rows } = await pool.query<{ database_id: string; marked_at: string }>(
      `SELECT * FROM database_mark`,
    );
    const lostUntil = new Date(Date.now() + 3_600_000).toISOString();
    await writeDatabaseMark(client, { databaseId: rows[0]!.database_id, mark: 61, markedAt: lostUntil });
    const checks = await Promise.all(Array.from({ length: 5 }, check));
    expect(checks.filter(({ comparison }) => comparison === 'database_older')).toHaveLength(1);
    expect(await readPendingRestore(pool)).toEqual({ lostFrom: rows[0]!.marked_at, lostUntil });
    expect(await alerts()).toEqual(['database_restored service']);
    expect(await readDatabaseMark(client)).toMatchObject({ mark: 62 });
    expect(await check()).toMatchObject({ comparison: 'in_step' });
    const { rows: raised } = await pool.query<{ alert_id: string; detail: unknown }>(`SELECT * FROM alerts`);
    expect(raised[0]!.detail).toEqual({ lost_from: rows[0]!.marked_at, lost_until: lostUntil });
    const seen = await acknowledgeAlert(pool, dbChannels, { alertId: raised[0]!.alert_id, reason: 'done' });
    expect(seen.kind).toBe('acknowledged');
    expect(await alerts()).toEqual([]);
  });

  it('gives the repair of a restore to one process at a time, until it is done', async () => {
    await check();
    expect(await takeRestoreRepair(pool)).toBeNull();
    await findRestore();
    const taken = await Promise.all(Array.from({ length: 5 }, () => takeRestoreRepair(pool)));
    expect(taken.filter((each) => each !== null)).toHaveLength(1);
    await endRestoreRepair(pool, { done: false });
    expect(await takeRestoreRepair(pool)).not.toBeNull();
    await endRestoreRepair(pool, { done: true });
    expect(await takeRestoreRepair(pool)).toBeNull();
    expect(await readPendingRestore(pool)).toBeNull();
  });

  it('keeps other workers from their work until the repair of a restore is over', async () => {
    await findRestore();
    const order: string[] = [];
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const asked = vi.spyOn(pool, 'query');
    const repairRestore = async (): Promise<object> => {
      await finished;
      order.push('repaired');
      await endRestoreRepair(pool, { done: true });
      return {};
    };
    const begin = async (name: string): Promise<void> => {
      await keeper({ repairRestore }).begin();
      order.push(name);
    };
    const beginning = ['one', 'another'].map(begin);
    const asks = () => asked.mock.calls.filter(([text]) => text.includes('repairing_until > now()'));
    await until(() => Promise.resolve(asks().length >= 4), { ...soon, describe: 'one of them waits' });
    expect(order).toEqual([]);
    finish();
    await Promise.all(beginning);
    expect(order[0]).toBe('repaired');
    expect(order.slice(1).toSorted()).toEqual(['another', 'one']);
  });

  it('lets a worker begin only when a repair that failed for want of Temporal has been done', async () => {
    await findRestore();
    const tried: string[] = [];
    await keeper({
      repairRestore: async () => {
        tried.push('repair');
        if (tried.length === 1) throw new WorkflowsUnavailable(new Error('deadline exceeded'));
        await endRestoreRepair(pool, { done: true });
        return {};
      },
    }).begin();
    expect(tried).toHaveLength(2);
    expect(await readPendingRestore(pool)).toBeNull();
  });

  it('lets a worker begin when a provider does not answer; the repair is tried again later', async () => {
    await findRestore();
    const unreachable = new RutterUnreachable({ operation: 'listConnections', code: 'ECONNREFUSED' });
    await keeper({ repairRestore: () => Promise.reject(unreachable) }).begin();
    expect(await readPendingRestore(pool)).not.toBeNull();
    expect(await takeRestoreRepair(pool)).not.toBeNull();
  });

  it('lets a worker stop in the middle of a repair, which another one may do at once', async () => {
    await findRestore();
    const stopping = new AbortController();
    let began: () => void = () => undefined;
    const hasBegun = new Promise<void>((resolve) => (began = resolve));
    const beginning = keeper({
      stopping: stopping.signal,
      repairRestore: () => {
        began();
        return new Promise(() => undefined);
      },
    }).begin();
    await hasBegun;
    expect(await takeRestoreRepair(pool)).toBeNull();
    stopping.abort();
    await beginning;
    await until(async () => (await takeRestoreRepair(pool)) !== null, { ...soon, describe: 'it is free' });
  });

  it('lets a worker stop while Temporal does not answer', async () => {
    const stopping = new AbortController();
    const hanging = { ...setup, restore: () => new Promise<never>(() => undefined) };
    const beginning = keeper({ stopping: stopping.signal, setup: hanging }).begin();
    stopping.abort();
    await beginning;
  });

  it('keeps the repair of a process that goes on for longer than its lease, and no other', async () => {
    await findRestore();
    const leaseEnds = async (): Promise<number> => {
      const { rows } = await pool.query<{ seconds: number }>(
        `SELECT extract(epoch FROM repairing_until - now())::float8 AS seconds FROM database_mark`,
      );
      return rows[0]!.seconds;
    };
    await holdRestoreRepair(pool, {
      renewedEveryMs: 20,
      repair: async () => {
        await pool.query(`UPDATE database_mark SET repairing_until = now() + interval '10 seconds'`);
        await until(async () => (await leaseEnds()) > 100, { ...soon, describe: 'the lease is renewed' });
        expect(await takeRestoreRepair(pool)).toBeNull();
      },
    });
    await pool.query(`UPDATE database_mark SET repairing_until = now() - interval '1 second'`);
    await renewRestoreRepair(pool);
    expect(await leaseEnds()).toBeLessThan(0);
    expect(await takeRestoreRepair(pool)).not.toBeNull();
    expect(await leaseEnds()).toBeLessThanOrEqual(120);
  });

  it('is not overwritten by an earlier one of a process that stood still', async () => {
    const ofDatabase = { databaseId: randomUUID(), markedAt: '2026-03-01T00:00:00.000Z' };
    await writeDatabaseMark(client, { ...ofDatabase, mark: 8 });
    await writeDatabaseMark(client, { ...ofDatabase, mark: 7 });
    expect(await readDatabaseMark(client)).toMatchObject({ mark: 8 });
    await writeDatabaseMark(client, { ...ofDatabase, mark: 9 });
    expect(await readDatabaseMark(client)).toMatchObject({ mark: 9 });
  });

  it.each([
    ['came back empty', (handle: ReturnType<Client['schedule']['getHandle']>) => handle.delete()],
    ['lost the note', (handle: ReturnType<Client['schedule']['getHandle']>) => handle.pause('looked at it')],
  ])('shows that Temporal %s', async (_, lose) => {
    await check();
    await lose(client.schedule.getHandle(databaseMarkScheduleId));
    expect(await check()).toMatchObject({ comparison: 'temporal_older' });
    expect(await alerts()).toEqual(['temporal_data_lost workflows']);
    expect(await check()).toMatchObject({ comparison: 'in_step' });
  });

  it('of another database is left alone, and nothing is concluded from it', async () => {
    const other = {
      databaseId: '11111111-6a4f-4a55-9d3e-0b7a1f2f9b11',
      mark: 99,
      markedAt: '2026-01-01T00:00:00Z',
    };
    await writeDatabaseMark(client, other);
    expect(await check()).toMatchObject({ comparison: 'other_database' });
    expect(await readDatabaseMark(client)).toEqual(other);
    expect(await readPendingRestore(pool)).toBeNull();
    expect(await alerts()).toEqual(['temporal_of_other_database service']);
    await pool.query(`UPDATE restore_findings SET found_at = found_at - interval '6 minutes'`);
    expect(await alerts()).toEqual([]);
  });
});
