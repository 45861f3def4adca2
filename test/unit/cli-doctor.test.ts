import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { clockFinding } from '../../src/cli/local/doctor/clocks.js';
import { configurationCheck } from '../../src/cli/local/doctor/configuration.js';
import { connectProblem } from '../../src/cli/local/doctor/connect-problem.js';
import { databaseFinding, schemaFinding, sessionFinding } from '../../src/cli/local/doctor/database.js';
import { loginPageFinding, publicUrlChecks, readyFinding } from '../../src/cli/local/doctor/public-url.js';
import { jsonReport } from '../../src/cli/local/doctor/report.js';
import { runChecks } from '../../src/cli/local/doctor/run-checks.js';
import {
  scheduleFinding,
  searchAttributesFinding,
  workersFinding,
} from '../../src/cli/local/doctor/temporal.js';
import { failed, ok, skipped } from '../../src/cli/local/doctor/check.js';
import type { ApiConfig } from '../../src/config.js';
import { sessionSettings } from '../../src/db/session-settings.js';
import { searchAttributeTypes } from '../../src/temporal/search-attributes.js';

const quiet = { onResult: () => undefined, onProgress: () => undefined };

describe('running the checks', () => {
  test('all run though one throws and one never ends, and each has its result in its place', async () => {
    const results = await runChecks({
      ...quiet,
      maxMs: 50,
      checks: [
        { id: 'hangs', run: () => new Promise(() => undefined) },
        {
          id: 'throws',
          run: () => {
            throw new Error('no such thing');
          },
        },
        { id: 'works', run: () => ok('yes') },
      ],
    });
    expect(results).toEqual([
      { check: 'hangs', outcome: 'failed', detail: 'did not end within 0.05 s', remedy: expect.any(String) },
      { check: 'throws', outcome: 'failed', detail: 'unforeseen: no such thing', remedy: expect.any(String) },
      { check: 'works', outcome: 'ok', detail: 'yes', remedy: null },
    ]);
  });

  test('a check that is late is aborted', async () => {
    const aborted = vi.fn();
    const check = (signal: AbortSignal) =>
      new Promise<never>(() => signal.addEventListener('abort', aborted));
    await runChecks({ ...quiet, maxMs: 20, checks: [{ id: 'late', run: check }] });
    expect(aborted).toHaveBeenCalledOnce();
  });

  test('the report for programs counts the outcomes and passes without a failed one', () => {
    const report = (outcome: 'failed' | 'skipped') =>
      JSON.parse(
        jsonReport({
          results: [
            { check: 'a', ...ok('fine') },
            { check: 'b', ...(outcome === 'failed' ? failed('bad', 'do this') : skipped('not used')) },
          ],
          configuration: null,
        }),
      ) as unknown;
    expect(report('failed')).toEqual({
      passed: false,
      configuration: 'environment',
      counts: { ok: 1, warning: 0, failed: 1, skipped: 0 },
      checks: [
        { check: 'a', outcome: 'ok', detail: 'fine', remedy: null },
        { check: 'b', outcome: 'failed', detail: 'bad', remedy: 'do this' },
      ],
    });
    expect(report('skipped')).toMatchObject({ passed: true });
  });
});

describe('configuration', () => {
  test('names every problem of a role, and of the keys', () => {
    const problems = ['DATABASE_URL: is required', 'PORT: is wrong'];
    const finding = configurationCheck(
      'api',
      { config: null, problems },
      { problems: ['ENCRYPTION_KEYS: x'] },
    );
    expect(finding.run(new AbortController().signal)).toMatchObject({
      outcome: 'failed',
      detail: 'DATABASE_URL: is required; PORT: is wrong; ENCRYPTION_KEYS: x',
    });
  });

  test('a role that was not asked for is skipped', () => {
    expect(configurationCheck('api', null, null).run(new AbortController().signal)).toMatchObject({
      outcome: 'skipped',
    });
  });
});

describe('the database', () => {
  const state = {
    version: '18.4',
    encoding: 'UTF8',
    inRecovery: false,
    readOnly: false,
    connectionsFree: 20,
  };
  test.each([
    ['ok', {}],
    ['failed', { encoding: 'LATIN1' }],
    ['failed', { inRecovery: true }],
    ['failed', { readOnly: true }],
    ['warning', { connectionsFree: 19 }],
  ])('%s with %j', (outcome, change) => {
    expect(databaseFinding({ ...state, ...change }).outcome).toBe(outcome);
  });

  test.each([
    ['ok', ['0001_a', '0002_b'], /last is 0002_b/],
    ['failed', ['0001_a'], /first is 0002_b/],
    ['failed', [], /2 of 2 migrations/],
    ['warning', ['0001_a', '0002_b', '0003_c'], /0003_c/],
    ['failed', ['0001_a', '0003_c'], /first is 0002_b/],
  ])('the schema is %s with %j', (outcome, applied, detail) => {
    const finding = schemaFinding({ files: ['0001_a', '0002_b'], applied });
    expect(finding.outcome).toBe(outcome);
    expect(finding.detail).toMatch(detail);
  });

  test('session settings are as the service sets them, or named with what they should be', () => {
    expect(sessionFinding(sessionSettings).outcome).toBe('ok');
    expect(
      sessionFinding({ ...sessionSettings, DateStyle: 'SQL, DMY', TimeZone: 'Asia/Kolkata' }),
    ).toMatchObject({
      outcome: 'failed',
      detail: 'TimeZone is Asia/Kolkata, not UTC; DateStyle is SQL, DMY, not ISO, MDY',
    });
    const { lock_timeout: _, ...less } = sessionSettings;
    expect(sessionFinding(less)).toMatchObject({
      outcome: 'failed',
      detail: expect.stringMatching(/^lock_timeout is unknown, not \d+$/),
    });
  });
});

describe('Temporal', () => {
  test.each([
    ['failed', null, 1],
    ['failed', { state: { paused: true, note: 'maintenance' } }, 1],
    ['ok', { state: { paused: false } }, 240],
    ['failed', { state: { paused: false } }, 241],
    ['ok', { state: { paused: false } }, null],
  ])('the Schedule is %s as %j, its last run %s s ago', (outcome, schedule, repairAgeSeconds) => {
    expect(scheduleFinding({ schedule, repairAgeSeconds }).outcome).toBe(outcome);
  });

  test('search attributes are complete, lacking, or of another type', () => {
    const all: Record<string, number> = { ...searchAttributeTypes };
    expect(searchAttributesFinding(all, 'n').outcome).toBe('ok');
    const { FeedState: _, ...less } = all;
    expect(searchAttributesFinding(less, 'n')).toMatchObject({
      outcome: 'failed',
      detail: 'not registered: FeedState',
    });
    expect(searchAttributesFinding({ ...all, FeedReason: 99 }, 'n')).toMatchObject({
      outcome: 'failed',
      detail: 'registered with another type: FeedReason',
    });
  });

  const nowMs = 1_800_000_000_000;
  const polledAgo = (taskQueue: string, ...agesMs: number[]) => ({
    taskQueue,
    pollers: agesMs.map((age, index) => ({ identity: `w${String(index)}`, lastPolledMs: nowMs - age })),
  });
  test('workers poll while their last poll is at most 90 s old by the clock of Temporal', () => {
    const queues = (ageMs: number) => [polledAgo('workflows', 5, ageMs), polledAgo('deliver', ageMs)];
    expect(workersFinding({ queues: queues(90_000), serverNowMs: nowMs })).toMatchObject({
      outcome: 'ok',
      detail: '2 workers poll workflows, deliver',
    });
    expect(workersFinding({ queues: queues(90_001), serverNowMs: nowMs })).toMatchObject({
      outcome: 'failed',
      detail: 'no worker polls deliver',
    });
    expect(workersFinding({ queues: [polledAgo('workflows')], serverNowMs: nowMs }).outcome).toBe('failed');
  });

  test('the reason why no connection comes about is named, and none when one does', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await connectProblem(`127.0.0.1:${String(port)}`, 1_000)).toBeNull();
    await new Promise((resolve) => server.close(resolve));
    expect(await connectProblem(`127.0.0.1:${String(port)}`, 1_000)).toContain('ECONNREFUSED');
    expect(await connectProblem('name.invalid', 1_000)).toMatch(/ENOTFOUND|EAI_AGAIN|no connection/);
  });
});

describe('the public URL', () => {
  test.each([
    [200, 'ok'],
    [503, 'failed'],
    [404, 'skipped'],
    [301, 'failed'],
  ])('/readyz answering %i is %s', (status, outcome) => {
    expect(readyFinding({ status, text: '{"ready":true}' }).outcome).toBe(outcome);
  });

  test('/readyz is a warning when it names what is degraded, and a failure when another system answers', () => {
    const degraded = [{ part: 'log', cause: 'log lines cannot be written' }];
    expect(readyFinding({ status: 200, text: JSON.stringify({ ready: true, degraded }) })).toMatchObject({
      outcome: 'warning',
      detail: 'ready, but degraded: log: log lines cannot be written',
    });
    expect(readyFinding({ status: 200, text: '<html>Welcome' }).outcome).toBe('failed');
    const open = [{ part: 'log', code: 'ENOSPC' }, { part: 'task_queue' }];
    expect(readyFinding({ status: 200, text: JSON.stringify({ ready: true, degraded: open }) }).detail).toBe(
      'ready, but degraded: log: ENOSPC; task_queue: no cause given',
    );
  });

  test.each([
    { what: 'our API, ready', open: { ready: true, degraded: [] }, times: 0 },
    { what: 'another system', open: 'Welcome', times: 0 },
    { what: 'our API, degraded', open: { ready: true, degraded: [{ part: 'log' }] }, times: 1 },
    { what: 'our API, not ready', open: { ready: false }, times: 1 },
  ])("$what gets the operators' token only when there is something to explain", async ({ open, times }) => {
    const tokens: string[] = [];
    const server = createHttpServer(({ headers }, response) => {
      if (headers.authorization !== undefined) tokens.push(headers.authorization);
      response.end(JSON.stringify(open));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const config = { publicUrl: `http://127.0.0.1:${String(port)}`, OPS_API_TOKEN: 'ops' } as ApiConfig;
      await publicUrlChecks(config)[0]!.run(AbortSignal.timeout(5_000));
      expect(tokens).toEqual(Array.from({ length: times }, () => 'Bearer ops'));
    } finally {
      server.close();
    }
  });

  const csp = "default-src 'none'; frame-ancestors 'self' https://*.sage.com";
  const right: Record<string, string> = {
    'content-security-policy': csp,
    'referrer-policy': 'same-origin',
    'strict-transport-security': 'max-age=63072000',
  };
  const cookie = '__Host-bankfeeds=x; Path=/; HttpOnly; Secure; Partitioned; SameSite=None';
  const page = (change: {
    headers?: Record<string, string | undefined>;
    cookies?: string[];
    status?: number;
    publicUrl?: string;
  }) => {
    const headers = new Headers();
    for (const [name, value] of Object.entries({ ...right, ...change.headers })) {
      if (value !== undefined) headers.set(name, value);
    }
    return loginPageFinding({
      publicUrl: change.publicUrl ?? 'https://feeds.example.com',
      frameAncestors: ['https://*.sage.com'],
      status: change.status ?? 400,
      headers,
      cookies: change.cookies ?? [cookie],
    });
  };
  test('the login page is right over https, and a warning over plain http', () => {
    expect(page({})).toMatchObject({ outcome: 'ok', remedy: null });
    const publicUrl = 'http://localhost:8080';
    expect(page({ publicUrl, headers: { 'strict-transport-security': undefined } }).outcome).toBe('warning');
  });

  test.each([
    [{ headers: { 'content-security-policy': undefined } }, 'has no frame-ancestors'],
    [{ headers: { 'content-security-policy': "frame-ancestors 'self'" } }, 'lacks https://*.sage.com'],
    [{ headers: { 'content-security-policy': `${csp}, frame-ancestors 'none'` } }, 'two frame-ancestors'],
    [{ headers: { 'cross-origin-opener-policy': 'same-origin' } }, 'Cross-Origin-Opener-Policy is set'],
    [{ headers: { 'x-frame-options': 'SAMEORIGIN' } }, 'X-Frame-Options is set (SAMEORIGIN)'],
    [{ headers: { 'referrer-policy': 'no-referrer' } }, 'Referrer-Policy is not same-origin'],
    [{ headers: { 'strict-transport-security': undefined } }, 'Strict-Transport-Security is missing'],
    [{ status: 301, headers: { location: 'https://other.example' } }, 'leads to https://other.example'],
    [{ cookies: [] }, '__Host-bankfeeds is not set'],
    [{ cookies: [cookie.replace('; Secure', '')] }, 'lacks secure'],
    [{ cookies: [cookie.replace('None', 'Lax')] }, 'lacks samesite=none'],
    [{ cookies: [cookie.replace('; Partitioned', '')] }, 'lacks partitioned'],
    [{ cookies: [`${cookie}; Domain=example.com`] }, 'has a Domain'],
  ])('a proxy that changes the login page is found: %j', (change, problem) => {
    expect(page(change)).toMatchObject({ outcome: 'failed', detail: expect.stringContaining(problem) });
  });
});

describe('clocks', () => {
  test.each([
    [5_000, 'ok'],
    [5_001, 'failed'],
    [-5_000, 'ok'],
    [-5_001, 'failed'],
  ])('a difference of %i ms is %s', (differenceMs, outcome) => {
    expect(clockFinding('PostgreSQL', differenceMs).outcome).toBe(outcome);
  });

  test('says which of the two is ahead', () => {
    expect(clockFinding('Temporal', 3_600_000).detail).toContain('3600.0 s ahead of this machine');
    expect(clockFinding('Temporal', -6_000).detail).toContain('6.0 s behind this machine');
  });
});
