import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  expectRefusedForNow,
  openOutageFixture,
  type OutageFixture,
} from '../../support/rutter/outage-fixture.js';
import { until } from '../../support/until.js';

/*
 * One outage, one part without capacity and one deployment, with real processes and no help from outside: what was
 * refused is not stored, and what was acknowledged is at Rutter once and in order. All other interruptions, and longer
 * ones, are in `test/verify/rutter`.
 */

const soon = { timeoutMs: 120_000, everyMs: 50 };
const outageMs = 3_000;
/** Distinguishes our own connections to PostgreSQL from those of the service. */
const ownConnections = 'takes-all-connections';
const connectionsMax = 300;
const postings = 30;
/** More than one batch, so that a sender that is to end has something left to do. */
const twoBatches = 1_500;

let fixture: OutageFixture;
beforeAll(async () => {
  fixture = await openOutageFixture({ outageMs });
});
afterEach(async () => {
  const { stack } = fixture;
  stack.postgres.bringBack();
  stack.wire.release();
  if (stack.workers.length === 0) await stack.addWorker();
});
afterAll(() => fixture.close());

async function sendToAll(): Promise<void> {
  await Promise.all(fixture.feeds.map((feed) => fixture.core.send(feed, postings)));
}

describe('an outage of PostgreSQL', () => {
  it('makes ingestion and webhooks answer 503; what was acknowledged arrives', async () => {
    const { stack } = fixture;
    await sendToAll();
    await stack.postgres.takeDown();
    await expectRefusedForNow(await fixture.ingest(fixture.feeds[0]!, 'refused-1'));
    expect((await fixture.webhook()).status).toBe(503);
    const sending = sendToAll();
    await sleep(outageMs);
    stack.postgres.bringBack();
    await sending;
    await fixture.untilDelivered();
    expect(await fixture.isStored('refused-1')).toBe(false);
    expect(fixture.unplannedEnds()).toBe(0);
  });
});

describe('a database without a free connection', () => {
  it('makes ingestion answer 503 and store nothing; what was acknowledged arrives afterwards', async () => {
    const { core, feeds } = fixture;
    await fixture.untilDelivered();
    const taken = await takeAllConnections();
    let sending: Promise<unknown>;
    try {
      await expectRefusedForNow(await fixture.ingest(feeds[0]!, 'refused-2'));
      const failedBefore = core.failedCalls;
      sending = sendToAll();
      await until(() => core.failedCalls > failedBefore, { ...soon, describe: 'a call was refused' });
    } finally {
      await Promise.all(taken.map((client) => client.end()));
    }
    await sending;
    await fixture.untilDelivered();
    expect(await fixture.isStored('refused-2')).toBe(false);
    expect((await fixture.ingest(feeds[0]!, 'refused-2')).status).toBe(200);
    expect(fixture.unplannedEnds()).toBe(0);
  });
});

describe('a worker that is asked to end in the middle of a POST', () => {
  it('waits for the answer, completes its batch, sends nothing after it, and ends by itself', async () => {
    const { stack, core, feeds } = fixture;
    const [feed, other] = [feeds[0]!, feeds[2]!];
    const worker = stack.workers[0]!;
    await fixture.untilCompleted();
    const before = (await fixture.keysOf(feed)).length;
    const postsBefore = (await fixture.postsSeen()).length;
    stack.wire.hold((piece) => piece.startsWith('POST ') && piece.includes(feed.accessToken), 1);
    await core.send(feed, twoBatches);
    await until(() => stack.wire.held() > 0, { ...soon, describe: 'the POST is held on its way' });
    const stopped = worker.stop();
    await until(() => fixture.hasLogged(worker, '"worker stopping"'), {
      ...soon,
      describe: 'the worker was asked to end',
    });
    // New work for others, which it must leave to its successor.
    await core.send(other, 20);
    expect(worker.ready).toBe(true);
    expect(stack.wire.held()).toBe(1);
    stack.wire.release();
    await stopped;
    stack.workers.shift();
    expect(await fixture.hasLogged(worker, '"worker stopped"')).toBe(true);

    const made = (await fixture.keysOf(feed)).slice(before);
    expect(made).toEqual([{ state: 'delivered', key: expect.any(String) as string, posts: 1 }]);
    const posts = (await fixture.postsSeen()).slice(postsBefore);
    expect(posts.map((post) => post.idempotency_key)).toEqual([made[0]!.key]);
    await stack.addWorker();
    await fixture.untilCompleted();
  });
});

/** A connection of our own, which no limit of the service's pools ends. */
async function connect(): Promise<pg.Client> {
  const { databaseUrl } = fixture.stack;
  const client = new pg.Client({ connectionString: databaseUrl, application_name: ownConnections });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Takes every connection that the server allows, and ends those of everybody else. */
async function takeAllConnections(): Promise<pg.Client[]> {
  const taken = [await connect()];
  for (;;) {
    const { rows } = await taken[0]!.query<{ others: number }>(
      `SELECT count(pg_terminate_backend(pid))::int AS others
         FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> $1`,
      [ownConnections],
    );
    const refused = await connectUntilRefused(taken);
    expect(refused).toBe('53300');
    if (rows[0]?.others === 0) return taken;
  }
}

async function connectUntilRefused(taken: pg.Client[]): Promise<string | undefined> {
  while (taken.length < connectionsMax) {
    try {
      taken.push(await connect());
    } catch (error) {
      return (error as { code?: string }).code;
    }
  }
  return undefined;
}
