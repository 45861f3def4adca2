import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchBrowser } from '../../support/browser.js';
import { checkPage } from '../../support/check-page.js';
import {
  makeSageAccount,
  makeSageCompany,
  type SageTestAccount,
} from '../../support/sage-banking/account.js';
import { createSageFixture, fixturePassword, type SageFixture } from '../../support/sage-banking/fixture.js';
import { until } from '../../support/until.js';

/*
 * The pages of the `sage-banking` channel in a real Chromium, which runs no script of theirs because there is none: here it is
 * switched off where a person would use them, and on only for axe, which is one.
 */

/** A page that reloads itself: without a script there is no other means to wait. */
const waits = ['meta-refresh'];
const lines = [
  {
    transactionAmount: 1250,
    datePosted: '2024-03-05',
    narrative1: 'INVOICE 9 OF HARBOUR CAFE LIMITED, MARCH, WITH A LONG NARRATIVE',
  },
  { transactionAmount: -12.5, datePosted: '2024-03-06', narrative1: 'FEE MARCH' },
];

let fixture: SageFixture;
let browser: Browser;
let context: BrowserContext;
let customer: { customerId: string; username: string };

beforeAll(async () => {
  fixture = await createSageFixture();
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await fixture.close();
});
beforeEach(async () => {
  customer = await fixture.makeCustomer();
});
afterEach(async () => {
  await context.close();
});

async function openPages(options: { javaScriptEnabled: boolean }): Promise<Page> {
  context = await browser.newContext({ locale: 'en-GB', viewport: { width: 900, height: 800 }, ...options });
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  await page.goto(`${fixture.url}/status`);
  await page.getByLabel('Username').fill(customer.username);
  await page.getByLabel('Password').fill(fixturePassword);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Your bank feeds' }).waitFor();
  return page;
}

/** The page as it is, on a narrow screen, and in the dark. */
async function checkAll(page: Page, name: string, allowed: readonly string[] = []): Promise<void> {
  await checkPage(page, `sage-${name}`, allowed);
  await page.setViewportSize({ width: 320, height: 640 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await checkPage(page, `sage-${name}-320-dark`, allowed);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 900, height: 800 });
}

async function makeRule(account: SageTestAccount, ruleName: string): Promise<void> {
  const answer = await fixture.api('POST', `/v1/sage/accounts/${account.sageAccountId}/rules`, {
    json: {
      ruleName,
      ruleConditions: [
        { ruleField: 'transactionNarrative', ruleOperation: 'contains', ruleCriteria: 'FEE' },
        { ruleField: 'transactionAmount', ruleOperation: 'lt', ruleCriteria: '-5' },
      ],
      ruleActions: [
        {
          splitPercentage: 50,
          accountantNarrative: 'half',
          accountsPostings: [{ type: 'NOMINAL', code: '7500' }],
        },
        { splitPercentage: 100, accountsPostings: [{ type: 'NOMINAL', code: '7600' }] },
      ],
    },
  });
  expect(answer.status).toBe(201);
}

async function setStatus({ sageAccountId }: SageTestAccount, status: string): Promise<void> {
  await fixture.pool.query(`UPDATE sage_accounts SET status = $2 WHERE sage_account_id = $1`, [
    sageAccountId,
    status,
  ]);
}

test('onboarding and connecting: each page is accessible by axe’s rules, narrow and dark, too', async () => {
  const page = await openPages({ javaScriptEnabled: true });
  await page.getByRole('link', { name: 'Connect a bank' }).click();
  await checkAll(page, 'no-company');
  await fixture.control('POST', '/licences', { serial: customer.customerId });
  await fixture.api('POST', '/v1/sage/organisations', {
    json: {
      customer_id: customer.customerId,
      kind: 'desktop',
      company: { name: 'Northgate Trading' },
      terms_accepted_at: '2026-01-05T10:00:00Z',
      licence_details: [{ key: 'serial', value: customer.customerId }],
    },
  });
  await page.goto(`${fixture.url}/status/sage/begin`);
  await page.getByRole('heading', { name: 'Type what you see' }).waitFor();
  // The page's policy lets the captcha in, and the browser draws it.
  await until(() => page.evaluate<boolean>('document.querySelector("img.captcha").naturalWidth > 0'), {
    timeoutMs: 120_000,
    describe: 'the captcha is drawn',
  });
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('Type the characters in the picture.').waitFor();
  await checkAll(page, 'captcha');
  const captchaId = await page.locator('input[name=captcha_id]').inputValue();
  await page.getByLabel('Characters').fill((await fixture.control('GET', `/captchas/${captchaId}`)).text);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByRole('heading', { name: 'Your Sage company is ready' }).waitFor();
  await checkAll(page, 'ready');
  await page.getByRole('link', { name: 'Connect a bank' }).click();
  await checkAll(page, 'search');
  await page.getByLabel('Name of the bank').fill('bank');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByRole('heading', { name: 'Choose your bank' }).waitFor();
  await checkAll(page, 'banks');
  const banks = page.url();
  await page.getByRole('link', { name: 'Old County Bank' }).click();
  await page.evaluate('for (const form of document.forms) form.noValidate = true');
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByText('Enter the account number').waitFor();
  await checkAll(page, 'direct-bank-refused');
  await page.goto(banks);
  await page.getByRole('link', { name: 'Harbour Bank' }).click();
  await checkAll(page, 'start-date');
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByRole('link', { name: 'Go to Harbour Bank' }).waitFor();
  await checkAll(page, 'redirect-to-bank', waits);
  const href = await page.getByRole('link', { name: 'Go to Harbour Bank' }).getAttribute('href');
  const id = new URL(href!).searchParams.get('authorisation_id')!;
  await fixture.control('POST', `/links/${id}/finish`, { success: false });
  await page.getByRole('heading', { name: 'The account was not connected' }).waitFor();
  await checkAll(page, 'link-refused');
});

test('account, rules, suggestions and restoring: each page is accessible by axe’s rules', async () => {
  const company = await makeSageCompany(fixture, customer);
  const former = await makeSageAccount(fixture, { company, transactions: lines });
  await makeRule(former, 'Fees of before');
  await fixture.api('DELETE', `/v1/sage/accounts/${former.sageAccountId}`);
  await until(
    async () =>
      (await fixture.api('GET', `/v1/sage/accounts/${former.sageAccountId}`)).body.status === 'cancelled',
    { timeoutMs: 120_000, describe: 'the former account is disconnected' },
  );
  const account = await makeSageAccount(fixture, { company, transactions: lines });
  const base = `${fixture.url}/status/sage/accounts/${account.sageAccountId}`;
  const page = await openPages({ javaScriptEnabled: true });
  await checkAll(page, 'status');
  await page.goto(`${fixture.url}/status/sage/accounts/${former.sageAccountId}`);
  await checkAll(page, 'account-cancelled');
  await page.goto(`${base}/restore`);
  await page.getByRole('heading', { name: 'Restore rules' }).waitFor();
  await checkAll(page, 'restore');
  // The former account is another one at the bank, so its rule is not ticked beforehand.
  await page.getByRole('checkbox', { name: 'Fees of before' }).check();
  await page.getByRole('button', { name: 'Restore the ticked rules' }).click();
  await page.getByRole('heading', { name: 'What was restored' }).waitFor();
  await checkAll(page, 'restored');
  await makeRule(account, 'Fees & more');
  await page.goto(`${base}/rules`);
  await page.getByRole('heading', { name: 'Fees & more' }).waitFor();
  await checkAll(page, 'rules');
  await page.getByRole('link', { name: 'Edit rule Fees & more' }).click();
  await page.getByRole('heading', { name: 'Edit rule' }).waitFor();
  await page.getByRole('button', { name: 'Add a posting' }).first().click();
  await page.getByRole('button', { name: 'Try it out' }).click();
  await page.getByText('The rule cannot be saved like this').waitFor();
  await checkAll(page, 'rule-refused');
  await page.getByRole('button', { name: 'Remove posting 2 of part 1' }).click();
  await page.getByRole('button', { name: 'Try it out' }).click();
  await page.getByRole('heading', { name: 'What the rule would match' }).waitFor();
  await checkAll(page, 'rule-tried');
  await page.goto(`${base}/rules`);
  await page.getByRole('link', { name: 'Delete rule Fees & more' }).click();
  await page.getByRole('heading', { name: 'Delete rule Fees & more?' }).waitFor();
  await checkAll(page, 'rule-delete');
  await page.goto(base);
  await page.getByRole('button', { name: 'Run the rules over all' }).click();
  await page.getByRole('heading', { name: 'What your rules suggest' }).waitFor();
  await checkAll(page, 'suggestions');
  await setStatus(account, 'authRequired');
  await page.goto(base);
  await page.getByText('by rule Fees of before').first().waitFor();
  await checkAll(page, 'account');
  await page.getByRole('link', { name: 'Disconnect' }).click();
  await checkAll(page, 'disconnect');
});

test('without scripts: a rule of two conditions and two parts is typed, tried out, saved and run', async () => {
  const account = await makeSageAccount(fixture, { ...customer, transactions: lines });
  const page = await openPages({ javaScriptEnabled: false });
  await page.getByRole('link', { name: 'Open account' }).click();
  await page.getByRole('link', { name: 'Rules', exact: true }).click();
  await page.getByRole('link', { name: 'New rule' }).click();
  await page.getByLabel('Name of the rule').fill('Fees');
  await page.getByLabel('Value').fill('FEE');
  await page.getByRole('button', { name: 'Add a condition' }).click();
  const second = page.getByRole('group', { name: 'Condition 2' });
  await second.getByLabel('Field').selectOption({ label: 'Amount' });
  await second.getByLabel('Comparison').selectOption({ label: 'is below or before' });
  await second.getByLabel('Value').fill('-5');
  await page.getByLabel('Percent of what is left').fill('40');
  await page.getByLabel('Kind of posting').fill('NOMINAL');
  await page.getByLabel('Code').fill('7500');
  await page.getByRole('button', { name: 'Add a part' }).click();
  const rest = page.getByRole('group', { name: 'Part 2' });
  await rest.getByLabel('Kind of posting').fill('NOMINAL');
  await rest.getByLabel('Code').fill('7600');
  // The Enter key presses a form's first button: that must lose nothing and save nothing.
  await page.getByLabel('Name of the rule').press('Enter');
  await page.getByRole('heading', { name: 'What the rule would match' }).waitFor();
  await page.getByText('1 of the 2 transactions that are here').waitFor();
  await page.getByText('−5.00 GBP + −7.50 GBP').waitFor();
  expect(await page.getByRole('group', { name: 'Condition 2' }).getByLabel('Value').inputValue()).toBe('-5');
  const atSage = async () => (await fixture.control('GET', `/accounts/${account.bankAccountId}`)).rules;
  expect(await atSage()).toEqual([]);
  await page.getByRole('button', { name: 'Save rule' }).click();
  await page.getByText('Sage has the rules as shown here').waitFor();
  expect(await atSage()).toMatchObject([{ ruleName: 'Fees', ruleRank: 1 }]);
  await page.getByRole('button', { name: 'Run the rules over all' }).click();
  await page.getByRole('heading', { name: 'What your rules suggest' }).waitFor();
  await page.getByText('−5.00 GBP: NOMINAL 7500, by rule Fees').waitFor();
  expect(await fixture.violations()).toEqual([]);
});
