import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runMigrations } from '../../../src/db/run-migrations.js';
import type { SupervisedPart } from '../../../scripts/chaos/supervised-part.js';
import { openLastRelease } from '../../support/release.js';
import { openOutageFixture, type OutageFixture } from '../../support/rutter/outage-fixture.js';
import { until } from '../../support/until.js';

/*
 * A deployment and a rollback with feeds under way: API and worker of the last released version (test/upgrade/base), with
 * its own packages, on the migrated database, beside those of this version. One test is the whole deployment, in the
 * order of docs/operations/upgrade.md.
 */

const twoBatches = 1_500;
const deliveredMs = 300_000;

let release: string;
let fixture: OutageFixture;
/** Where core banking sends its calls. */
let current: { api: SupervisedPart; apiUrl: string };

beforeAll(async () => {
  release = await openLastRelease();
  fixture = await openOutageFixture({ release });
  current = { api: fixture.stack.api, apiUrl: fixture.stack.apiUrl };
});
afterAll(async () => {
  await fixture.close();
});

/** Some postings for each feed, and more than a batch for some. */
async function sendToAll(): Promise<void> {
  const { core, feeds } = fixture;
  await Promise.all(feeds.map((feed, index) => core.send(feed, index < 2 ? twoBatches : 50)));
}

async function untilBooked(): Promise<void> {
  const { stack, core, feeds } = fixture;
  for (const { rutterAccountId, ...feed } of feeds) {
    const booked = async () => (await stack.rutter.book({ rutterAccountId, offset: 0 })).count;
    await until(async () => (await booked()) >= core.sent({ rutterAccountId, ...feed }), {
      timeoutMs: deliveredMs,
      everyMs: 500,
      describe: `all of feed ${feed.feedId} is booked`,
    });
  }
}

async function bringBack(part: SupervisedPart): Promise<void> {
  part.bringBack();
  await part.untilReady();
}

describe('the last release and this version', () => {
  it('deliver every posting once and in order while one replaces the other, after a rollback, and when it is undone', async () => {
    const { stack } = fixture;
    const [oldWorker] = stack.workers as [SupervisedPart];
    // The release alone, on its own schema.
    await sendToAll();
    await untilBooked();
    // 1: migrate, while it works.
    const under = sendToAll();
    expect((await runMigrations(stack.databaseUrl)).length).toBeGreaterThan(0);
    await under;
    await untilBooked();
    // 2: a worker of this version beside it.
    const newWorker = await stack.addWorker();
    await sendToAll();
    await untilBooked();
    // 3: an API of this version; core banking meets both.
    const next = await stack.addApi();
    fixture.core.sendTo(next.apiUrl);
    await sendToAll();
    fixture.core.sendTo(current.apiUrl);
    await sendToAll();
    // 4: the release ends, with work under way.
    await oldWorker.drain();
    fixture.core.sendTo(next.apiUrl);
    await current.api.drain();
    await sendToAll();
    await fixture.untilCompleted();
    // 5: back to the release: API, then workers, with work under way.
    await bringBack(current.api);
    fixture.core.sendTo(current.apiUrl);
    await next.api.drain();
    await sendToAll();
    await bringBack(oldWorker);
    await newWorker.drain();
    await sendToAll();
    await untilBooked();
    // 6: and forward again: workers, then API.
    await bringBack(newWorker);
    await oldWorker.drain();
    await sendToAll();
    await bringBack(next.api);
    fixture.core.sendTo(next.apiUrl);
    await current.api.drain();
    await sendToAll();
    await fixture.untilCompleted();
  });
});
