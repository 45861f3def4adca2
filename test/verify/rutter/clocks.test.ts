import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../../scripts/local/run-command.js';
import { createClocks, type Clocks } from '../../support/faketime.js';
import { openOutageFixture, type OutageFixture } from '../../support/rutter/outage-fixture.js';
import { until } from '../../support/until.js';

/*
 * Parts whose clocks are an hour wrong, from their start or from one moment to the next: real processes under
 * libfaketime, the sandbox as the checker. The Temporal server is a Go program, which reads its time past the C library: a
 * Temporal that is an hour behind is the same as all others being an hour ahead.
 */

const hourSeconds = 3_600;
/** More than one batch, so that something is under way when a clock jumps. */
const twoBatches = 1_500;
/** The clocks are compared every minute, and the repair job reviews alerts every minute. */
const alertMs = 300_000;

let clocks: Clocks;
let fixture: OutageFixture;

beforeAll(async () => {
  clocks = await createClocks();
  fixture = await openOutageFixture({ variablesOf: (part, folder) => clocks.variablesOf(part, folder) });
});
afterAll(async () => {
  await fixture.close();
});

/** `aheadHours` by part; a part that is not named is right. */
async function setClocks(aheadHours: Readonly<Record<string, number>>): Promise<void> {
  for (const part of ['PostgreSQL', 'api', 'worker-1', 'sandbox']) {
    await clocks.set(part, (aheadHours[part] ?? 0) * hourSeconds);
  }
}

/** The parts with an open alert, without the hosts of processes. */
async function partsWithAlert(): Promise<string[]> {
  const { rows } = await fixture.stack.pool.query<{ subject: string }>(
    `SELECT subject FROM alerts WHERE code = 'clock_off' AND ended_at IS NULL`,
  );
  return rows.map(({ subject }) => subject.replace(/^clock\/|@.*$/g, '')).toSorted();
}

/** Postings sent before, during and after the change; each must be booked once and in order. */
async function deliverAcross(change: () => Promise<void>): Promise<void> {
  const { core, feeds } = fixture;
  const before = Promise.all(feeds.slice(0, 3).map((feed) => core.send(feed, twoBatches)));
  await change();
  await before;
  await Promise.all(feeds.map((feed) => core.send(feed, 20)));
  await fixture.untilCompleted();
}

/** The clock of the API, from its answers. */
async function apiAheadHours(): Promise<number> {
  const { headers } = await fetch(`${fixture.stack.apiUrl}/healthz`);
  return Math.round((Date.parse(headers.get('date') ?? '') - Date.now()) / 1_000 / hourSeconds);
}

async function untilAlerts(parts: readonly string[]): Promise<void> {
  let found: string[] = [];
  await until(
    async () => {
      found = await partsWithAlert();
      return found.join() === parts.join();
    },
    { timeoutMs: alertMs, everyMs: 1_000, describe: `clocks that are off: ${parts.join()}` },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; there are ${found.join()}`);
  });
}

describe.each([
  {
    what: 'API, worker and Rutter',
    first: { api: 1, 'worker-1': -1, sandbox: 1 },
    off: ['api', 'rutter', 'worker'],
  },
  { what: 'PostgreSQL', first: { PostgreSQL: 1 }, off: ['api', 'rutter', 'temporal', 'worker'] },
  { what: 'Temporal', first: { PostgreSQL: 1, api: 1, 'worker-1': 1, sandbox: 1 }, off: ['temporal'] },
])('$what', ({ first, off }) => {
  it('an hour off, each way and back, from one moment to the next: nothing is lost, sent twice or out of order, and it is an alert until it is right', async () => {
    const opposite = Object.fromEntries(Object.entries(first).map(([part, hours]) => [part, -hours]));
    await deliverAcross(() => setClocks(first));
    await untilAlerts(off);
    await deliverAcross(() => setClocks(opposite));
    await untilAlerts(off);
    await deliverAcross(() => setClocks({}));
    await untilAlerts([]);
    expect(fixture.unplannedEnds()).toBe(0);
  });
});

describe('a handoff', () => {
  it.each([1, -1])(
    'opened by an API whose clock is %i hours ahead lives until its deadline by the clock of PostgreSQL, no longer',
    async (aheadHours) => {
      const { stack } = fixture;
      await setClocks({ api: aheadHours, 'worker-1': -aheadHours });
      await until(async () => (await apiAheadHours()) === aheadHours, {
        timeoutMs: 30_000,
        describe: 'the API has the other time',
      });
      const challenge = `challenge-${String(aheadHours)}-0123456789abcdef`;
      const handoffId = createHash('sha256').update(challenge).digest('hex');
      const redirect = `https://link.rutterapi.com/sage_redirect?challenge=${challenge}`;
      const link = `${stack.apiUrl}/login?challenge=${challenge}&redirect_uri=${redirect}`;
      const arrival = await fetch(link, { redirect: 'manual' });
      expect(arrival.status).toBe(303);
      const left = async (): Promise<number> => {
        const { rows } = await stack.pool.query<{ left: number }>(
          `SELECT extract(epoch FROM deadline_at - clock_timestamp())::float8 AS left FROM handoffs WHERE handoff_id = $1`,
          [handoffId],
        );
        return rows[0]?.left ?? Number.NaN;
      };
      expect(await left()).toBeGreaterThan(500);
      expect(await left()).toBeLessThanOrEqual(600);
      const page = `${stack.apiUrl}${arrival.headers.get('location') ?? ''}`;
      const cookie = (arrival.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
      const open = await fetch(page, { headers: { cookie }, redirect: 'manual' });
      expect(open.status).toBe(200);
      await stack.pool.query(
        `UPDATE handoffs SET deadline_at = clock_timestamp() - interval '1 second' WHERE handoff_id = $1`,
        [handoffId],
      );
      expect((await fetch(page, { headers: { cookie }, redirect: 'manual' })).status).toBe(410);
      await setClocks({});
    },
  );
});

describe("the health check of a worker's container", () => {
  it.each([1, -1])('finds the worker with a clock that is %i hours ahead', async (hours) => {
    const { LD_PRELOAD = '' } = await clocks.variablesOf('health', fixture.stack.folder);
    const checked = await runCommand({
      command: process.execPath,
      args: ['--import', 'tsx', 'scripts/worker-health.ts'],
      env: {
        PATH: process.env.PATH,
        TEMPORAL_ADDRESS: fixture.stack.temporalAddress,
        TEMPORAL_CONFIG_FILE: join(fixture.stack.folder, 'temporal.toml'),
        LD_PRELOAD,
        FAKETIME: `${hours < 0 ? '-' : '+'}1h`,
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
      timeoutMs: 60_000,
    });
    expect(checked).toMatchObject({ code: 0, stderr: '' });
  });
});
