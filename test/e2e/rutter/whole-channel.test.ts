import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../support/browser.js';
import { readAllHistories } from '../../support/histories.js';
import { prepareLocalFixture, type LocalFixture, type LocalService } from '../../support/local-service.js';
import { bookedIds, callApi, control, feedInState, type ShownFeed } from '../../support/service-calls.js';
import { until } from '../../support/until.js';

/*
 * The whole channel with nothing in between: `npm start` with its real processes, a real Chromium, and the sandbox's own
 * book as the checker. Each test has a customer of its own.
 */

const password = 'correct horse battery staple';
/** Limits of waiting are for hangs: the machine may be busy. */
const pageMs = 120_000;
const accountNumber = '77120934';
const startDate = '2026-02-01T12:30';
const startMs = Date.parse(`${startDate}:00.000Z`);

let fixture: LocalFixture;
let service: LocalService;
let browser: Browser;
const seenPages: string[] = [];

beforeAll(async () => {
  fixture = await prepareLocalFixture({ FEED_ACTIVATION_POLL_MIN: '500ms' });
  service = await fixture.start();
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await service.stop('SIGTERM');
  await fixture.remove();
});

interface Sent {
  transaction_id: string;
  posted_at: string;
  amount: string;
  description: string;
  transaction_type: string;
}

function postings(input: { prefix: string; count: number; fromMs: number; stepMs: number }): Sent[] {
  return Array.from({ length: input.count }, (_, index) => ({
    transaction_id: `${input.prefix}-${String(index).padStart(5, '0')}`,
    posted_at: new Date(input.fromMs + index * input.stepMs).toISOString(),
    amount: index % 3 === 0 ? '125.5' : `-${String(index % 97)}.07`,
    description: `Posting ${String(index)} of ${input.prefix}`,
    transaction_type: index % 3 === 0 ? 'deposit' : 'debit',
  }));
}

async function ingest(accountId: string, transactions: Sent[]): Promise<void> {
  const path = `/v1/accounts/${accountId}/transactions`;
  // The bulk goes as core banking's nightly run would: as lines.
  const lines = transactions.map((transaction) => JSON.stringify(transaction)).join('\n');
  const content = transactions.length > 3_000 ? { ndjson: lines } : { body: { transactions } };
  const answer = await callApi<{ accepted: number }>(service, { method: 'POST', path, ...content });
  expect(answer.accepted).toBe(transactions.length);
}

/** What Rutter must hold: everything from the day of the start date on, in the order of posting. */
function expectedIds(sent: Sent[]): string[] {
  return sent
    .filter((posting) => posting.posted_at.slice(0, 10) >= startDate.slice(0, 10))
    .map(({ transaction_id: id }) => id);
}

async function untilBooked(accountId: string, expected: string[]): Promise<void> {
  const count = async () => (await bookedIds(service, accountId)).length;
  await until(async () => (await count()) >= expected.length, {
    timeoutMs: 240_000,
    everyMs: 200,
    describe: `${String(expected.length)} postings of ${accountId} are at Rutter`,
  });
  expect(await bookedIds(service, accountId)).toEqual(expected);
}

async function expectNoViolation(): Promise<void> {
  const { violations, resent } = await control<{ violations: unknown[]; resent: unknown[] }>(
    service,
    'GET',
    '/violations',
  );
  expect(violations).toEqual([]);
  expect(resent).toEqual([]);
}

async function keepPage(page: Page): Promise<void> {
  seenPages.push(await page.content());
}

const old = postings({ prefix: 'old', count: 2_500, fromMs: startMs - 1_250 * 60_000, stepMs: 60_000 });
const fresh = postings({ prefix: 'new', count: 5, fromMs: startMs + 90 * 86_400_000, stepMs: 1_000 });
const bulk = postings({ prefix: 'bulk', count: 4_000, fromMs: startMs + 100 * 86_400_000, stepMs: 1_000 });
const last = postings({ prefix: 'last', count: 3, fromMs: startMs + 120 * 86_400_000, stepMs: 1_000 });

const few = postings({ prefix: 'few', count: 3, fromMs: startMs, stepMs: 1_000 });

interface Customer {
  readonly customerId: string;
  /** The linked account, and its feed. */
  readonly accountId: string;
  readonly feedId: string;
}

async function makeCustomer(customerId: string): Promise<void> {
  const body = { name: 'Harbour Joinery', username: customerId, password };
  await callApi(service, { method: 'PUT', path: `/v1/customers/${customerId}`, body });
}

/** A customer with two accounts, of which one is linked in the browser, as in Sage; `sent` was ingested before. */
async function linkInBrowser(customerId: string, sent: Sent[]): Promise<Customer> {
  const accountId = `${customerId}-current`;
  await makeCustomer(customerId);
  for (const [id, name] of [
    [accountId, 'Trading account'],
    [`${customerId}-savings`, 'Savings'],
  ] as const) {
    const path = `/v1/customers/${customerId}/accounts/${id}`;
    const body = { name, type: 'bank', currency: 'GBP', number: accountNumber };
    await callApi(service, { method: 'PUT', path, body });
  }
  await ingest(accountId, sent);
  const page = await openPage();
  await page.goto(service.screens);
  await page.getByRole('button', { name: 'Connect your bank' }).click();
  await page.getByLabel('Username').fill(customerId);
  await page.getByLabel('Password').fill(password);
  await keepPage(page);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Share accounts' }).waitFor();
  await keepPage(page);
  await page.getByRole('checkbox', { name: /Trading account/ }).check();
  await page.getByRole('button', { name: 'Share accounts' }).click();
  await page.getByRole('button', { name: 'Start feed' }).waitFor();
  await page.getByRole('checkbox', { name: /Trading account/ }).check();
  await page.getByLabel(/Start date of Trading account/).fill(startDate);
  await page.getByRole('button', { name: 'Start feed' }).click();
  await page.context().close();
  const { feed_id: feedId } = await feedInState(service, { accountId, state: 'live' });
  await untilBooked(accountId, expectedIds(sent));
  return { customerId, accountId, feedId };
}

/** In a session of its own. */
async function openPage(): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(pageMs);
  return page;
}

async function createConnection(customerId: string): Promise<{ connection_id: string; status: string }> {
  const path = `/v1/customers/${customerId}/connections`;
  return await callApi(service, { method: 'POST', path, body: { name: 'Second company' } });
}

describe('a customer', () => {
  it('links an account in the browser: its past arrives from the chosen start date on, new postings at once, and /status shows it', async () => {
    const { customerId, accountId, feedId } = await linkInBrowser('harbour-link', old);
    const feed = await callApi<ShownFeed>(service, { method: 'GET', path: `/v1/feeds/${feedId}` });
    // Twelve and a half hours of the start day lie before its time, and are sent as well.
    expect(feed.counts).toMatchObject({ before_start: 500, delivered: 2_000, ready: 0, batched: 0 });
    await ingest(accountId, fresh);
    await untilBooked(accountId, expectedIds([...old, ...fresh]));
    await expectNoViolation();
    const page = await openPage();
    await page.goto(`${service.api}/status`);
    await page.getByLabel('Username').fill(customerId);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Trading account').first().waitFor();
    await keepPage(page);
    await page.context().close();
  });

  it('gets a connection from an API caller, whose answer holds no token', async () => {
    await makeCustomer('harbour-caller');
    const answer = await createConnection('harbour-caller');
    expect(answer).toMatchObject({ platform: 'SAGE_BANK_FEEDS', status: 'ok' });
    expect(JSON.stringify(answer)).not.toContain('token');
  });
});

describe('a feed', () => {
  it('loses nothing and sends nothing twice when the worker is killed in the middle of a backfill', async () => {
    const { accountId, feedId } = await linkInBrowser('harbour-backfill', few);
    await act(feedId, 'pause');
    await feedInState(service, { accountId, state: 'paused' });
    await ingest(accountId, bulk);
    const paused = await feedInState(service, { accountId, state: 'paused' });
    expect(paused.counts).toMatchObject({ ready: bulk.length });
    expect(await bookedIds(service, accountId)).toEqual(expectedIds(few));
    await control(service, 'POST', '/knobs', { jobRunMs: 1_000 });
    await act(feedId, 'resume');
    const some = async () => (await bookedIds(service, accountId)).length >= few.length + 1_000;
    await until(some, { timeoutMs: 240_000, describe: 'one batch is booked' });
    await service.killRole('worker');
    await untilBooked(accountId, expectedIds([...few, ...bulk]));
    await control(service, 'POST', '/knobs', { jobRunMs: 100 });
    await expectNoViolation();
  });

  it('continues after a stop and a start of the service, and after a kill of the service', async () => {
    const { accountId } = await linkInBrowser('harbour-restart', few);
    for (const [round, signal] of (['SIGTERM', 'SIGKILL'] as const).entries()) {
      await service.stop(signal);
      service = await fixture.start();
      await ingest(accountId, last.slice(round, round + 1));
      await untilBooked(accountId, expectedIds([...few, ...last.slice(0, round + 1)]));
    }
    await expectNoViolation();
  });

  it('continues by itself after a renewed authorization, and is closed for good', async () => {
    const { accountId, feedId } = await linkInBrowser('harbour-reauth', few);
    const feedAtRutter = await control<{ accounts: { connection_id: string }[] }>(
      service,
      'GET',
      `/book?internal_bank_account_id=${accountId}&summary`,
    );
    const id = feedAtRutter.accounts[0]?.connection_id ?? '';
    await control(service, 'POST', `/connections/${id}/status`, { status: 'needs_reauth' });
    await ingest(accountId, last);
    await feedInState(service, { accountId, state: 'reauth_required' });
    await control(service, 'POST', `/connections/${id}/status`, { status: 'active' });
    await untilBooked(accountId, expectedIds([...few, ...last]));
    await act(feedId, 'close');
    await feedInState(service, { accountId, state: 'closed' });
  });
});

describe('the installation', () => {
  it('lets an operator who has signed in read payloads from the Temporal UI, and nobody else', async () => {
    await makeCustomer('harbour-codec');
    await createConnection('harbour-codec');
    const { payload } = await readAllHistories(service.temporalAddress);
    const page = await openPage();
    const decodeFromUi = async () => {
      await page.goto(service.temporalUi);
      // As the UI asks, once "include cross-origin credentials" is on in its codec settings.
      return await page.evaluate(
        async ({ url, body }) => {
          const headers = { 'content-type': 'application/json', 'x-namespace': 'default' };
          const response = await fetch(url, { method: 'POST', credentials: 'include', headers, body });
          return { status: response.status, text: await response.text() };
        },
        { url: `${service.api}/codec/decode`, body: JSON.stringify({ payloads: [payload] }) },
      );
    };
    expect((await decodeFromUi()).status).toBe(401);
    await page.goto(`${service.api}/codec/sign-in`);
    await page.locator('input[type=password]').fill(service.opsToken);
    await page.getByRole('button', { name: 'Sign in' }).click();
    const decoded = await decodeFromUi();
    expect(decoded.status).toBe(200);
    const { payloads } = JSON.parse(decoded.text) as { payloads: { data: string }[] };
    const clear = Buffer.from(payloads[0]?.data ?? '', 'base64').toString('utf8');
    expect(() => JSON.parse(clear) as unknown, clear).not.toThrow();
    await page.context().close();
  });

  it('leaves no secret in any log, page or history, and no posting in a history', async () => {
    const { customerId } = await linkInBrowser('harbour-secrets', few);
    await createConnection(customerId);
    const secrets = await secretsOf();
    const histories = await readAllHistories(service.temporalAddress);
    const sinks = {
      logs: await service.allOutput(),
      pages: seenPages.join('\n'),
      histories: histories.raw,
      'decoded histories': histories.decoded,
    };
    expect(histories.types).toEqual(
      new Set([
        'bankFeedWorkflow',
        'connectionWorkflow',
        'fleetRepairWorkflow',
        'loginHandoffWorkflow',
        'providerCommandWorkflow',
      ]),
    );
    for (const [sink, text] of Object.entries(sinks)) {
      for (const [name, secret] of Object.entries(secrets)) {
        expect(text.includes(secret), `${name} in ${sink}`).toBe(false);
      }
    }
    for (const [name, text] of Object.entries({ encrypted: histories.raw, decoded: histories.decoded })) {
      expect(text.includes('Posting 1 of'), `a posting's text in the ${name} histories`).toBe(false);
      expect(text.includes('Harbour Joinery'), `a name in the ${name} histories`).toBe(false);
    }
  });
});

async function act(feedId: string, action: string): Promise<ShownFeed> {
  const path = `/v1/feeds/${feedId}/${action}`;
  return await callApi<ShownFeed>(service, { role: 'ops', method: 'POST', path, body: {} });
}

/** Every secret of this channel, from where it was made: the sandbox's journal, and what the test itself typed. */
async function secretsOf(): Promise<Record<string, string>> {
  const folder = join(fixture.localDir, 'sandbox');
  const files = await readdir(folder);
  const journal = (await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))).join('\n');
  const secrets: Record<string, string> = { password, 'account number': accountNumber };
  for (const [name, pattern] of [
    ['one-time password', /"otp":"([^"]{8,})"/g],
    ['challenge', /"challenge":"([^"]{8,})"/g],
    ['access token', /"accessToken":"([^"]{8,})"/g],
  ] as const) {
    const found = [...journal.matchAll(pattern)].map((match) => match[1] ?? '');
    expect(found.length, `${name} in the sandbox's journal`).toBeGreaterThan(0);
    found.forEach((value, index) => (secrets[`${name} ${String(index)}`] = value));
  }
  return secrets;
}
