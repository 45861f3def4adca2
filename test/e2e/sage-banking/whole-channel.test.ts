import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askControl } from '../../../sandbox/stand-in/ask-control.js';
import { launchBrowser } from '../../support/browser.js';
import { runBankfeeds } from '../../support/cli.js';
import { readAllHistories } from '../../support/histories.js';
import { prepareLocalFixture, type LocalFixture, type LocalService } from '../../support/local-service.js';
import { callApi } from '../../support/service-calls.js';
import { until } from '../../support/until.js';

/*
 * The whole `sage-banking` channel with nothing in between: `npm start` with its real processes and a real Chromium, in which a
 * customer goes from a Sage company to an account that was disconnected and connected again. Sage's Banking Service and
 * the bank are the sandbox. One test is the whole journey of a customer, step by step.
 */

const cloud = { customerId: 'harbour-joinery', username: 'harbour' };
const desktop = { customerId: 'mill-bakery', username: 'mill' };
const password = 'correct horse battery staple';
/** Limits of waiting are for hangs: the machine may be busy. */
const pageMs = 120_000;
const licenceSerial = 'LICENCE-4417-2290-8853';
const energy = 'DD NORTHGATE ENERGY';

let fixture: LocalFixture;
let service: LocalService;
let browser: Browser;
/** Of the customer with the cloud product. */
let atCloud: Session;
let sageAccountId = '';
let bankAccountId = '';
const seenPages: string[] = [];

interface Session {
  context: BrowserContext;
  page: Page;
}

beforeAll(async () => {
  fixture = await prepareLocalFixture({ SAGE_STATUS_POLL_MIN: '300ms', SAGE_STATUS_POLL_MAX: '2s' });
  service = await fixture.start();
  browser = await launchBrowser();
  await control('POST', '/knobs', { linkPollPeriodMs: 500, reprocessPollPeriodMs: 500 });
  await control('POST', '/licences', { serial: licenceSerial });
  for (const { customerId, username } of [cloud, desktop]) {
    const path = `/v1/customers/${customerId}`;
    await callApi(service, { method: 'PUT', path, body: { name: 'Harbour Joinery', username, password } });
  }
});
afterAll(async () => {
  await browser.close();
  await service.stop('SIGTERM');
  await fixture.remove();
});

describe("a customer at Sage's Banking Service", () => {
  it('reads a captcha for Sage, at the second attempt, and gets their company ready', async () => {
    await onboard({
      customer_id: desktop.customerId,
      kind: 'desktop',
      licence_details: [{ key: 'serial', value: licenceSerial }],
    });
    const { page, context } = await signIn(desktop.username);
    await page.goto(`${service.api}/status/sage/begin`);
    const first = await typeCaptcha(page, () => 'WRONG');
    await page.getByText('That was not right. Here is a new picture.').waitFor({ timeout: pageMs });
    const second = await typeCaptcha(page, (text) => text);
    expect(second).not.toBe(first);
    await page.getByRole('heading', { name: 'Your Sage company is ready' }).waitFor({ timeout: pageMs });
    await keepPage(page);
    await context.close();
  });

  it('goes from a cloud company to an account with rules, disconnects it and connects it again, and leaves no secret', async () => {
    await getCompanyReady();
    await linkAccount();
    await seeFirstTransactions();
    await makeRule();
    await runRules();
    await authorizeAgain();
    await disconnect();
    await connectAgain();
    await expectNoViolations();
    await expectNoSecrets();
  });
});

describe('bankfeeds, in a clone with npm start', () => {
  const localDir = () => ({ LOCAL_DIR: fixture.localDir });

  it('doctor finds nothing wrong, and its page names every check', async () => {
    const { code, stdout, stderr } = await runBankfeeds(['doctor', '--json'], localDir());
    const report = JSON.parse(stdout) as DoctorReport;
    const wrong = report.checks.filter(({ outcome }) => outcome !== 'ok');
    expect(wrong).toMatchObject([{ check: 'login-page', outcome: 'warning' }]);
    expect(report).toMatchObject({ passed: true, configuration: expect.stringContaining(fixture.localDir) });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const page = await readFile('docs/operations/cli.md', 'utf8');
    for (const { check } of report.checks) {
      expect(page).toMatch(new RegExp(`\\| .*\`(${check}|-${check.split('-')[1] ?? ''}|clock-…)\``));
    }
  });

  it('doctor goes on where a part is away and another refuses us, and says so', async () => {
    const environment = JSON.parse(
      await readFile(join(fixture.localDir, 'run', 'environment.json'), 'utf8'),
    ) as Record<string, string>;
    const { code, stdout } = await runBankfeeds(['doctor', '--json'], {
      ...environment,
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
      RUTTER_CLIENT_SECRET: 'of another environment',
    });
    const outcomes = Object.fromEntries(
      (JSON.parse(stdout) as DoctorReport).checks.map(({ check, outcome }) => [check, outcome]),
    );
    expect(outcomes).toMatchObject({
      database: 'failed',
      schema: 'skipped',
      rutter: 'failed',
      workers: 'ok',
      'sage-banking': 'ok',
      'clock-temporal': 'ok',
    });
    expect(code).toBe(1);
  });

  it('feed list shows the feeds over the machine API', async () => {
    const { code, stdout } = await runBankfeeds(['feed', 'list', '--customer', cloud.customerId], localDir());
    expect(stdout).toContain(sageAccountId);
    expect(code).toBe(0);
  });
});

interface DoctorReport {
  passed: boolean;
  configuration: string;
  checks: { check: string; outcome: string; detail: string }[];
}

/** The company is made ready, and the page shows it. */
async function getCompanyReady(): Promise<void> {
  await onboard({ customer_id: cloud.customerId, kind: 'cloud' });
  atCloud = await signIn(cloud.username);
  const { page } = atCloud;
  await until(
    async () => {
      await page.goto(`${service.api}/status/sage/begin`);
      return await page.getByRole('heading', { name: 'Your Sage company is ready' }).isVisible();
    },
    { timeoutMs: pageMs, describe: 'the company is ready' },
  );
  await keepPage(page);
  await page.getByRole('link', { name: 'Connect a bank' }).click();
  await page.getByRole('heading', { name: 'Connect a bank to Sage' }).waitFor();
}

/** In another window, at the bank's own pages, while the worker is killed. */
async function linkAccount(): Promise<void> {
  const { page } = atCloud;
  await chooseBank(page);
  await page.getByLabel('Start date').fill('2099-01-01');
  // As a browser without date fields would send it.
  await page.evaluate('for (const form of document.forms) form.noValidate = true');
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByText('The start date must not lie in the future.').waitFor();
  await page.getByLabel('Start date').fill('2024-01-01');
  await page.getByRole('button', { name: 'Connect' }).click();
  await goToBank(atCloud, async (bank) => {
    await service.killRole('worker');
    await bank.getByRole('button', { name: 'Share account' }).click();
  });
  await page.getByRole('heading', { name: 'The account is connected' }).waitFor({ timeout: pageMs });
  await keepPage(page);
  await page.getByRole('link', { name: 'Open the account' }).click();
  await page.getByText('Waiting for the bank', { exact: true }).waitFor();
  sageAccountId = new URL(page.url()).pathname.split('/').at(-1) ?? '';
  bankAccountId = (await account(sageAccountId)).bank_account_id;
  expect((await account(sageAccountId)).status).toBe('pending');
}

/** On the page, with the account among the feeds. */
async function seeFirstTransactions(): Promise<void> {
  const { page } = atCloud;
  await post(bankAccountId, [
    { transactionAmount: -84, narrative1: energy, datePosted: '2024-03-05' },
    { transactionAmount: 1250, narrative1: 'FPS', name: 'Harbour Cafe Ltd', datePosted: '2024-03-06' },
  ]);
  await untilShown(page, 'Up to date');
  await page.getByText(energy).first().waitFor();
  await page.getByText('FPS Harbour Cafe Ltd').first().waitFor();
  await keepPage(page);
  await page.goto(`${service.api}/status`);
  await page.getByRole('link', { name: /^Open account/ }).click();
  expect(await feed()).toMatchObject({ channel: 'sage-banking', state: 'live', counts: { received: 2 } });
}

/** What is wrong with it, and what it would match, is shown before it is saved. */
async function makeRule(): Promise<void> {
  const { page } = atCloud;
  await page.getByRole('link', { name: 'Rules', exact: true }).click();
  await page.getByRole('link', { name: 'New rule' }).click();
  await page.getByLabel('Name of the rule').fill('Energy');
  await page.getByLabel('Field').selectOption('datePosted');
  await page.getByLabel('Comparison').selectOption('eq');
  await page.getByLabel('Value').fill('2024-03-05');
  await page.getByLabel('Kind of posting').fill('NOMINAL');
  await page.getByLabel('Code').fill('7200');
  await page.getByRole('button', { name: 'Try it out' }).click();
  await page.getByText('The rule cannot be saved like this.').waitFor();
  await page.getByLabel('Field').selectOption('transactionNarrative');
  await page.getByLabel('Comparison').selectOption('containsWords');
  await page.getByLabel('Value').fill('NORTHGATE ENERGY');
  await page.getByRole('button', { name: 'Try it out' }).click();
  await page.getByText('1 of the 2 transactions that are here.').waitFor();
  await keepPage(page);
  expect(await rulesAtSage(bankAccountId)).toEqual([]);
  await page.getByRole('button', { name: 'Save rule' }).click();
  await page.getByText('Done. Sage has the rules as shown here.').waitFor();
  expect(await rulesAtSage(bankAccountId)).toEqual(['Energy']);
}

/** Over all transactions; the page shows the suggestions. */
async function runRules(): Promise<void> {
  const { page } = atCloud;
  await page.getByRole('button', { name: 'Run the rules over all' }).click();
  await page.getByRole('heading', { name: 'What your rules suggest' }).waitFor({ timeout: pageMs });
  await page.getByText('The rules were run over 2 transactions.').waitFor();
  await page.getByText(/NOMINAL 7200.*by rule Energy/).waitFor();
  await keepPage(page);
}

/** When the bank asks for it; the feed goes on. */
async function authorizeAgain(): Promise<void> {
  const { page } = atCloud;
  await post(bankAccountId, [], { status: 'authRequired' });
  await page.getByRole('link', { name: 'Back to the account' }).click();
  await untilShown(page, 'Needs you');
  expect(await feed()).toMatchObject({ state: 'reauth_required' });
  await page.getByRole('button', { name: 'Authorise again at the bank' }).click();
  await goToBank(atCloud, (bank) => bank.getByRole('button', { name: 'Renew access' }).click());
  await page.getByRole('heading', { name: 'The account is authorised again' }).waitFor({ timeout: pageMs });
  await page.getByRole('link', { name: 'Open the account' }).click();
  await untilShown(page, 'Up to date');
  await post(bankAccountId, [{ transactionAmount: -12.5, narrative1: 'AFTERWARDS' }]);
  await untilShown(page, 'AFTERWARDS');
  expect(await feed()).toMatchObject({ state: 'live', counts: { received: 3 } });
}

/** For good. */
async function disconnect(): Promise<void> {
  const { page } = atCloud;
  await page.getByRole('link', { name: 'Disconnect' }).click();
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await untilShown(page, 'Disconnected');
  await keepPage(page);
  expect((await account(sageAccountId)).status).toBe('cancelled');
  expect(await feed()).toMatchObject({ state: 'closed' });
  expect((await atSage(bankAccountId)).status).toBe('cancelled');
}

/** As a new account, with its rule restored once. */
async function connectAgain(): Promise<void> {
  const { page } = atCloud;
  const former = sageAccountId;
  await page.goto(`${service.api}/status/sage/connect`);
  await chooseBank(page);
  await page.getByLabel('Start date').fill('2024-01-01');
  await page.getByRole('button', { name: 'Connect' }).click();
  await goToBank(atCloud, (bank) => bank.getByRole('button', { name: 'Share account' }).click());
  await page.getByRole('heading', { name: 'The account is connected' }).waitFor({ timeout: pageMs });
  await page.getByText('The rules of then can be restored.').waitFor();
  await page.getByRole('link', { name: 'Open the account' }).click();
  sageAccountId = new URL(page.url()).pathname.split('/').at(-1) ?? '';
  const shown = await account(sageAccountId);
  expect(shown.predecessor_id).toBe(former);
  expect(shown.bank_account_id).not.toBe(bankAccountId);
  bankAccountId = shown.bank_account_id;
  await post(bankAccountId, [{ transactionAmount: -91, narrative1: energy, datePosted: '2024-04-05' }]);
  await untilShown(page, energy);

  await page.getByRole('link', { name: 'Restore the rules of before' }).click();
  expect(await page.getByRole('checkbox', { name: 'Energy' }).isChecked()).toBe(true);
  await page.getByRole('button', { name: 'Restore the ticked rules' }).click();
  await page.getByText('Restored', { exact: true }).waitFor();
  await keepPage(page);
  expect(await rulesAtSage(bankAccountId)).toEqual(['Energy']);
  await page.getByRole('button', { name: 'Run the rules over all' }).click();
  await page.getByText(/NOMINAL 7200.*by rule Energy/).waitFor({ timeout: pageMs });

  await page.goto(`${service.api}/status/sage/accounts/${sageAccountId}/restore`);
  expect(await page.getByRole('checkbox', { name: 'Energy' }).isDisabled()).toBe(true);
  const restoring = { method: 'POST', path: `/v1/sage/accounts/${sageAccountId}/restore-rules` };
  const [rule] = await restorable();
  await callApi(service, { ...restoring, body: { rule_ids: [rule?.['ruleId']] } });
  expect(await rulesAtSage(bankAccountId)).toEqual(['Energy']);
}

/** The sandbox has recorded nothing that the contract forbids. */
async function expectNoViolations(): Promise<void> {
  expect((await control<{ violations: unknown[] }>('GET', '/violations')).violations).toEqual([]);
}

/** In no log, page or history; and no data of the customer in a history. */
async function expectNoSecrets(): Promise<void> {
  const secrets = await secretsOf();
  const histories = await readAllHistories(service.temporalAddress);
  expect([...histories.types]).toEqual(
    expect.arrayContaining([
      'providerCommandWorkflow',
      'sageBankLinkWorkflow',
      'sageBankAccountWorkflow',
      'sageOnboardingWorkflow',
      'sageReprocessWorkflow',
    ]),
  );
  const logs = await service.allOutput();
  // The search does find what may be there.
  expect(histories.decoded).toContain(sageAccountId);
  expect(logs).toContain('"worker running"');
  expect(seenPages.join()).toContain(energy);
  const sinks = {
    logs,
    pages: seenPages.join('\n'),
    histories: histories.raw,
    'decoded histories': histories.decoded,
  };
  for (const [sink, text] of Object.entries(sinks)) {
    for (const [name, secret] of Object.entries(secrets)) {
      expect(text.includes(secret), `${name} in ${sink}`).toBe(false);
    }
  }
  const withoutAddresses = { logs, histories: histories.raw, 'decoded histories': histories.decoded };
  for (const [sink, text] of Object.entries(withoutAddresses)) {
    for (const part of ['linkpolls/', '/bank/auth', 'authorisation_id=', 'requestId=', energy]) {
      expect(text.includes(part), `${part} in ${sink}`).toBe(false);
    }
  }
  expect(`${histories.raw}${histories.decoded}`).not.toMatch(/Harbour Joinery|Northgate Trading|NORTHGATE/);
}

/** From the search to the form of the sandbox's indirect bank. */
async function chooseBank(page: Page): Promise<void> {
  await page.getByLabel('Name of the bank').fill('harbour');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByRole('link', { name: 'Harbour Bank' }).click();
}

/** Opens the bank's window from the page that waits, signs in there, and does what is to be done at the end. */
async function goToBank({ page, context }: Session, finish: (bank: Page) => Promise<void>): Promise<void> {
  const link = page.getByRole('link', { name: 'Go to Harbour Bank' });
  await link.waitFor({ timeout: pageMs });
  await keepPage(page);
  const opened = context.waitForEvent('page');
  await link.click();
  const bank = await opened;
  expect(new URL(bank.url()).origin === new URL(service.api).origin).toBe(false);
  await bank.getByLabel('Username').fill('demo');
  await bank.getByLabel('Password').fill('demo');
  await bank.getByRole('button', { name: 'Sign in' }).click();
  await finish(bank);
  await bank.getByText('You can close this window').first().waitFor();
  await bank.close();
}

/** Types what a person reads in the captcha, or what they make of it; the captcha's id. */
async function typeCaptcha(page: Page, read: (text: string) => string): Promise<string> {
  const field = page.getByLabel('Characters', { exact: true });
  await field.waitFor({ timeout: pageMs });
  const id = await page.locator('input[name=captcha_id]').inputValue();
  const { text } = await control<{ text: string }>('GET', `/captchas/${id}`);
  await field.fill(read(text));
  await page.getByRole('button', { name: 'Send' }).click();
  return id;
}

async function signIn(username: string): Promise<Session> {
  const context = await browser.newContext();
  context.setDefaultTimeout(pageMs);
  const page = await context.newPage();
  await page.goto(`${service.api}/status`);
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  return { context, page };
}

/** Loads the account's page again, as a person does, until it shows the text. */
async function untilShown(page: Page, text: string): Promise<void> {
  await until(
    async () => {
      await page.reload();
      return await page
        .getByText(text, { exact: text !== 'AFTERWARDS' && text !== energy })
        .first()
        .isVisible();
    },
    { timeoutMs: pageMs, everyMs: 300, describe: `the page shows ${text}` },
  );
}

async function keepPage(page: Page): Promise<void> {
  seenPages.push(await page.content());
}

async function onboard(product: object): Promise<void> {
  await callApi(service, {
    method: 'POST',
    path: '/v1/sage/organisations',
    body: {
      company: { name: 'Northgate Trading', postal_code: 'NE1 4ST' },
      terms_accepted_at: '2026-01-05T09:30:00Z',
      ...product,
    },
  });
}

interface ShownAccount {
  bank_account_id: string;
  status: string;
  predecessor_id: string | null;
}

async function account(id: string): Promise<ShownAccount> {
  return await callApi<ShownAccount>(service, { method: 'GET', path: `/v1/sage/accounts/${id}` });
}

/** The account as `/v1/feeds` shows it. */
async function feed(): Promise<Record<string, unknown>> {
  const list = `/v1/feeds?customer_id=${cloud.customerId}`;
  const { feeds } = await callApi<{ feeds: { feed_id: string }[] }>(service, { method: 'GET', path: list });
  expect(feeds.map(({ feed_id: id }) => id)).toContain(sageAccountId);
  return await callApi(service, { method: 'GET', path: `/v1/feeds/${sageAccountId}` });
}

async function restorable(): Promise<Record<string, unknown>[]> {
  const path = `/v1/sage/accounts/${sageAccountId}/restorable-rules`;
  return (await callApi<{ rules: Record<string, unknown>[] }>(service, { method: 'GET', path })).rules;
}

async function atSage(id: string): Promise<{ status: string; rules: { ruleName: string }[] }> {
  return await control('GET', `/accounts/${id}`);
}

async function rulesAtSage(id: string): Promise<string[]> {
  return (await atSage(id)).rules.map(({ ruleName }) => ruleName);
}

/** The bank's statement. */
async function post(id: string, transactions: object[], more: object = {}): Promise<void> {
  const { status } = await control<{ status: string }>('POST', `/accounts/${id}/transactions`, {
    transactions,
    ...more,
  });
  expect(status).toBe('completed');
}

async function control<Answer = Record<string, unknown>>(
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  return await askControl<Answer>({ url: service.bankingSandbox, method, path, body });
}

/** Every secret of this channel, from where it was made: the sandbox's journal, and what the test itself typed. */
async function secretsOf(): Promise<Record<string, string>> {
  const journal = await readFile(join(fixture.localDir, 'sandbox', 'sage-banking.jsonl'), 'utf8');
  const secrets: Record<string, string> = { password, 'licence serial': licenceSerial };
  for (const [name, pattern] of [
    ['signing key', /"signingKey":"([^"]{8,})"/g],
    ['account number', /"accountIdentifier":"([^"]{6,})"/g],
    ['account key', /"accountKey":"([^"]{8,})"/g],
  ] as const) {
    const found = [...journal.matchAll(pattern)].map((match) => match[1] ?? '');
    expect(found.length, `${name} in the sandbox's journal`).toBeGreaterThan(0);
    found.forEach((value, index) => (secrets[`${name} ${String(index)}`] = value));
  }
  return secrets;
}
