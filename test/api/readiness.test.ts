import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeWorker } from '../../src/activities/setup/describe-worker.js';
import { publicReadiness, readReadiness } from '../../src/api/readiness.js';
import { degradedAsOf, startServiceWatch } from '../../src/api/service-watch.js';
import { createPool, type Pool } from '../../src/db/pool.js';
import { createAvailability } from '../../src/domain/availability.js';
import { taskQueues } from '../../src/domain/ids.js';
import { availabilityLog } from '../../src/logger-availability.js';
import { readBundleProblem, writeBundleStamp } from '../../src/temporal/bundle-stamp.js';
import { createFacade } from '../../src/temporal/channels.js';
import { registerSearchAttributes } from '../../src/temporal/search-attributes.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { createTestNamespace } from '../support/temporal.js';

/* A real database and a real Temporal server. */

let database: TestDatabase;
let lines: Record<string, unknown>[];
const toEnd: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  database = await createTestDatabase();
  lines = [];
});
afterEach(async () => {
  for (const end of toEnd.splice(0).reverse()) await end();
  await database.drop();
});

const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });

function parts(input: { databaseUrl?: string; client: Client }) {
  const watch = (part: 'database' | 'temporal') =>
    createAvailability({ part, reporter: availabilityLog(logger), nowMs: Date.now });
  const availability = [watch('database'), watch('temporal')];
  const pool = createPool(input.databaseUrl ?? database.url, 5, () => undefined, availability[0]);
  toEnd.push(() => pool.end());
  const facade = createFacade(input.client, availability[1]);
  const read = () =>
    readReadiness({
      pool,
      facade,
      availability,
      readLogState: () => ({ droppedTotal: 0, failure: null }),
      readDegraded: () => [],
    });
  return { pool, facade, read };
}

async function clientOf(namespace?: string): Promise<Client> {
  const made = await createTestNamespace();
  const connection = await Connection.connect({ address: made.address });
  toEnd.push(() => connection.close());
  return new Client({ connection, namespace: namespace ?? made.namespace });
}

const ready = { ready: true, database: true, temporal: true, causes: {}, degraded: [] };

describe('an API process is ready when it can do its own work', () => {
  it('needs a database that takes writes, and is ready again by itself', async () => {
    const { pool, read } = parts({ client: await clientOf() });
    expect(await read()).toEqual(ready);
    const name = new URL(database.url).pathname.slice(1);
    await pool.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    const fresh = parts({ client: await clientOf() });
    expect(await fresh.read()).toMatchObject({
      ready: false,
      database: false,
      temporal: true,
      causes: { database: { code: 'read_only', text: 'the database takes no writes' } },
    });
    await pool.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    expect(await parts({ client: await clientOf() }).read()).toEqual(ready);
  });

  it('needs the schema, and says what to do without it', async () => {
    const empty = await createTestDatabase({ empty: true });
    toEnd.push(() => empty.drop());
    const { read } = parts({ client: await clientOf(), databaseUrl: empty.url });
    expect(await read()).toMatchObject({
      ready: false,
      causes: { database: { code: '42P01', text: 'the schema is missing: run "npm run migrate"' } },
    });
  });

  it('needs the Temporal namespace, and names it when it does not exist', async () => {
    const { read } = parts({ client: await clientOf('nobody-made-it') });
    expect(await read()).toMatchObject({
      ready: false,
      database: true,
      temporal: false,
      causes: { temporal: { code: 'NOT_FOUND', text: 'the namespace "nobody-made-it" does not exist' } },
    });
  });

  it('keeps why a part does not answer, with SQLSTATE or the code of the system, and logs it once', async () => {
    const url = new URL(database.url);
    url.password = 'wrong';
    const wrong = parts({ client: await clientOf(), databaseUrl: url.href });
    for (let call = 0; call < 3; call += 1) {
      expect(await wrong.read()).toMatchObject({
        causes: { database: { code: '28P01', text: 'password authentication failed for user "postgres"' } },
      });
    }
    // Never closed: the client may still be trying, and its next try on a closed connection would be an uncaught error.
    const away = Connection.lazy({ address: '127.0.0.1:1' });
    const lost = parts({
      client: new Client({ connection: away }),
      databaseUrl: 'postgres://x@127.0.0.1:1/x',
    });
    const body = await lost.read();
    expect(body.causes.database).toMatchObject({ code: 'ECONNREFUSED', since: expect.any(String) });
    expect(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'no_answer']).toContain(body.causes.temporal?.code);
    const logged = lines.filter(({ msg }) => msg === 'part unavailable');
    expect(logged.filter(({ code }) => code === '28P01')).toHaveLength(1);
    expect(logged.filter(({ code }) => code === 'ECONNREFUSED')).toHaveLength(1);
    expect(JSON.stringify(lines)).not.toContain('wrong');
  });
});

describe('what everybody may read', () => {
  it('has parts and codes, and none of the texts', () => {
    const degraded = [
      { part: 'rutter', code: '503', cause: '503: HTTP 503 (worker bankfeeds@host:1)' },
      { part: 'rutter', code: '503', cause: '503: HTTP 503, busy (worker bankfeeds@host:2)' },
      { part: 'task_queue', cause: 'no worker polls workflows' },
    ] as const;
    const causes = { database: { code: '28P01', text: 'for user "postgres"', since: null } };
    const open = publicReadiness({ ...ready, ready: false, causes, degraded });
    expect(JSON.parse(JSON.stringify(open))).toEqual({
      ...ready,
      ready: false,
      causes: { database: { code: '28P01', since: null } },
      degraded: [{ part: 'rutter', code: '503' }, { part: 'task_queue' }],
    });
  });
});

describe('what is degraded in the service', () => {
  it('names the age of what could not be checked again for three checks', () => {
    const found = [{ part: 'task_queue', cause: 'no worker polls workflows' }] as const;
    expect(degradedAsOf(found, { ageMs: 45_000, everyMs: 15_000 })).toEqual(found);
    expect(degradedAsOf(found, { ageMs: 45_001, everyMs: 15_000 })).toEqual([
      { part: 'task_queue', cause: 'no worker polls workflows; last checked 45 s ago' },
    ]);
  });

  const everyMs = 50;
  const soon = { timeout: 30_000, interval: 20 };

  function watchService(client: Client): {
    pool: Pool;
    degraded: () => string[];
    alerts: () => Promise<string[]>;
  } {
    const { pool, facade } = parts({ client });
    const watch = startServiceWatch({ pool, facade, logger, everyMs });
    toEnd.push(() => watch.stop());
    return {
      pool,
      degraded: () => watch.readDegraded().map(({ part, cause }) => `${part}: ${cause}`),
      alerts: async () => {
        const { rows } = await pool.query<{ alert: string }>(
          `SELECT code || ' ' || subject AS alert FROM alerts WHERE ended_at IS NULL ORDER BY 1`,
        );
        return rows.map(({ alert }) => alert);
      },
    };
  }

  it('names task queues without a worker and search attributes that are missing, with alerts that end by themselves', async () => {
    const client = await clientOf();
    const { namespace } = client.options;
    const connection = client.connection as Connection;
    const { degraded, alerts } = watchService(client);
    await expect
      .poll(degraded, soon)
      .toEqual([
        'search_attributes: not registered: FeedState, FeedChannel, CustomerId, FeedReason, LastSyncedAt',
        `task_queue: no worker polls ${taskQueues.workflows}, ${taskQueues.interactive}, ${taskQueues.deliver}`,
      ]);
    await expect.poll(alerts, soon).toHaveLength(8);
    expect(
      lines.filter(({ msg, code }) => msg === 'alert raised' && code === 'task_queue_not_polled'),
    ).toHaveLength(3);
    await registerSearchAttributes({ connection, namespace });
    await expect.poll(degraded, soon).toHaveLength(1);
    await expect.poll(alerts, soon).toHaveLength(3);
    // A poll of the delivery queue, as a worker makes it; it ends when the connection is closed.
    const polling = new AbortController();
    const poll = connection
      .withAbortSignal(polling.signal, () =>
        connection.withDeadline(Date.now() + 60_000, () =>
          connection.workflowService.pollActivityTaskQueue({
            namespace,
            taskQueue: { name: taskQueues.deliver },
            identity: 'bankfeeds@test:1',
          }),
        ),
      )
      .catch(() => undefined);
    toEnd.push(async () => {
      polling.abort();
      await poll;
    });
    await expect
      .poll(degraded, soon)
      .toEqual([`task_queue: no worker polls ${taskQueues.workflows}, ${taskQueues.interactive}`]);
    await expect.poll(alerts, soon).not.toContain(`task_queue_not_polled ${taskQueues.deliver}`);
  });

  it('names a worker with an old workflow bundle and a provider that fails, until the worker ends', async () => {
    const client = await clientOf();
    const { pool, degraded, alerts } = watchService(client);
    const folder = await mkdtemp(join(tmpdir(), 'bundle-'));
    toEnd.push(() => rm(folder, { recursive: true }));
    const bundle = join(folder, 'workflow-bundle.js');
    await writeFile(bundle, 'built');
    expect(await readBundleProblem(bundle)).toContain('it is not known what');
    await writeBundleStamp(bundle);
    expect(await readBundleProblem(bundle)).toBeNull();
    await writeFile(bundle, 'built by an older version');
    const bundleProblem = await readBundleProblem(bundle);
    expect(bundleProblem).toContain('npm run bundle');
    const rutter = createAvailability({ part: 'rutter', reporter: availabilityLog(logger), nowMs: Date.now });
    rutter.failed({ code: '503', text: 'HTTP 503' });
    const stopping = new AbortController();
    const described = describeWorker({
      pool,
      workerId: 'bankfeeds@host:1 now',
      version: '0.3.0',
      bundleProblem,
      availability: [rutter],
      stopping: stopping.signal,
      everyMs,
    });
    await expect.poll(degraded, soon).toContain('rutter: 503: HTTP 503 (worker bankfeeds@host:1 now)');
    expect(degraded()).toContain(`workflow_bundle: ${String(bundleProblem)} (worker bankfeeds@host:1 now)`);
    await expect.poll(alerts, soon).toContain('workflow_bundle_old bankfeeds@host:1 now');
    stopping.abort();
    await described;
    await expect.poll(alerts, soon).not.toContain('workflow_bundle_old bankfeeds@host:1 now');
    expect(degraded().join()).not.toContain('rutter');
  });
});
