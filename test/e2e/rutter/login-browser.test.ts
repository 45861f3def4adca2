import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, Frame, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { writeTimeline } from '../../../src/db/timeline.js';
import {
  addConnection,
  addCustomer,
  makeReady,
  newChallenge,
  opsToken,
  password,
  startPages,
} from '../../api/pages-fixture.js';
import type { PagesFixture } from '../../api/pages-fixture.js';
import { launchBrowser } from '../../support/browser.js';
import { checkPage } from '../../support/check-page.js';

/*
 * The pages in a real Chromium. Three servers play three sites: the bank on localhost; Rutter's link host, which
 * answers /sage_redirect with a 302 onward as Rutter does; and Sage on 127.0.0.1, which opens the login in a pop-up or a
 * frame. localhost and 127.0.0.1 are two sites, so the frame is a cross-site one.
 */

const controlCookie = 'control';

let pages: PagesFixture;
let sage: Server;
let link: Server;
let sageUrl: string;
let linkUrl: string;
let browser: Browser;
let context: BrowserContext;
let customer: Awaited<ReturnType<typeof addCustomer>>;
/** Queries that arrived at Rutter's redirect. */
const arrivals: URLSearchParams[] = [];

beforeAll(async () => {
  link = createServer((request, response) => {
    const url = new URL(request.url ?? '', linkUrl);
    if (url.pathname !== '/sage_redirect') return void response.writeHead(404).end();
    arrivals.push(url.searchParams);
    response.writeHead(302, { location: `${sageUrl}/landing` }).end();
  });
  linkUrl = await listen(link, 'localhost');
  sage = createServer((request, response) => {
    const url = new URL(request.url ?? '', sageUrl);
    const page = sagePages(url);
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'text/html' }).end(page);
  });
  sageUrl = await listen(sage, '127.0.0.1');
  pages = await startPages({
    config: { RUTTER_REDIRECT_ORIGINS: [linkUrl], SAGE_FRAME_ANCESTORS: [sageUrl] },
  });
  browser = await launchBrowser();
  context = await browser.newContext();
});
afterAll(async () => {
  await browser.close();
  sage.close();
  link.close();
  await pages.stop();
});
beforeEach(async () => {
  await context.close();
  context = await browser.newContext({ locale: 'en-GB', viewport: { width: 480, height: 760 } });
  context.setDefaultTimeout(120_000);
  customer = await addCustomer(pages);
  arrivals.length = 0;
  pages.facade.onAccountsShared = async (handoffId) => {
    await makeReady(pages, { handoffId, otp: 'otp-42' });
    return true;
  };
});

async function listen(server: Server, host: string): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://${host}:${String((server.address() as AddressInfo).port)}`;
}

/** What Sage shows: a page that opens the login as `as` says, and the landing page of the way back. */
function sagePages(url: URL): string | undefined {
  const login = url.searchParams.get('login') ?? '';
  switch (url.pathname) {
    case '/popup':
      return `<button onclick="window.open(${JSON.stringify(login).replaceAll('"', '&quot;')}, 'bank',
        'popup,width=480,height=760')">Connect</button><p id="outcome"></p><script>
        addEventListener('message', (event) => { document.getElementById('outcome').textContent = event.data; });
        </script>`;
    case '/frame':
      return `<iframe title="Your bank" src="${login}" width="480" height="700"></iframe><p id="outcome"></p><script>
        addEventListener('message', (event) => { document.getElementById('outcome').textContent = event.data; });
        </script>`;
    case '/landing':
      return `<p>Back in Sage</p><script>(opener ?? parent).postMessage('linked', '${sageUrl}');</script>`;
    default:
      return undefined;
  }
}

function newLink(): { challenge: string; login: string } {
  const { challenge } = newChallenge();
  const redirect = `${linkUrl}/sage_redirect?challenge=${challenge}`;
  return { challenge, login: `${pages.url}/login?challenge=${challenge}&redirect_uri=${redirect}` };
}

async function signIn(view: Page | Frame): Promise<void> {
  await view.getByLabel('Username').fill(customer.username);
  await view.getByLabel('Password').fill(password);
  await view.getByRole('button', { name: 'Sign in' }).click();
}

/** Without a script: the button prints the form again with every account ticked. */
async function selectAll(view: Page | Frame): Promise<void> {
  await view.getByRole('button', { name: 'Select all' }).click();
  await view.getByRole('checkbox', { checked: true }).first().waitFor();
}

async function share(view: Page | Frame): Promise<void> {
  await view.getByRole('button', { name: 'Share accounts' }).click();
}

describe('the login from Sage to the bank and back', () => {
  test('in a pop-up: the opener stays open and receives the result', async () => {
    const { challenge, login } = newLink();
    const opener = await context.newPage();
    await opener.goto(`${sageUrl}/popup?login=${encodeURIComponent(login)}`);
    const [popup] = await Promise.all([context.waitForEvent('page'), opener.click('button')]);
    expect(popup.url()).not.toContain(challenge);
    await signIn(popup);
    expect(await popup.evaluate('opener !== null')).toBe(true);
    await selectAll(popup);
    await share(popup);
    await opener.getByText('linked').waitFor();
    expect(arrivals.map(String)).toEqual([`challenge=${challenge}&otp=otp-42`]);
  });

  test('in a cross-site frame: the session cookie is kept, one without Partitioned is not', async () => {
    // The control cookie proves that this Chromium withholds third-party cookies; else the test could not fail.
    const strict = await launchBrowser({ args: ['--test-third-party-cookie-phaseout'] });
    try {
      const strictContext = await strict.newContext({ locale: 'en-GB' });
      strictContext.setDefaultTimeout(120_000);
      const control = { name: controlCookie, value: '1', secure: true, sameSite: 'None' } as const;
      await strictContext.addCookies([{ ...control, url: pages.url.replace('http:', 'https:') }]);
      const { challenge, login } = newLink();
      const outer = await strictContext.newPage();
      const sent: string[] = [];
      outer.on('request', (request) => {
        if (!request.url().startsWith(pages.url)) return;
        // The last requests may end with their page: then there is no header to read, and none is asked for.
        request.headerValue('cookie').then(
          (cookie) => sent.push(cookie ?? ''),
          () => undefined,
        );
      });
      await outer.goto(`${sageUrl}/frame?login=${encodeURIComponent(login)}`);
      const frame = outer.frames()[1]!;
      await signIn(frame);
      await selectAll(frame);
      await share(frame);
      await outer.getByText('linked').waitFor();
      expect(arrivals.map(String)).toEqual([`challenge=${challenge}&otp=otp-42`]);
      expect(sent.some((cookie) => cookie.includes('__Host-bankfeeds='))).toBe(true);
      expect(sent.some((cookie) => cookie.includes(`${controlCookie}=`))).toBe(false);
      // Cancel needs the session too, and leaves the frame with its last words. It wakes the worker, which does nothing.
      pages.facade.onAccountsShared = async () => true;
      await outer.goto(`${sageUrl}/frame?login=${encodeURIComponent(newLink().login)}`);
      const second = outer.frames()[1]!;
      await signIn(second);
      await second.getByRole('button', { name: 'Share accounts' }).waitFor();
      await second.getByRole('button', { name: 'Cancel' }).click();
      await second.getByRole('heading', { name: 'You cancelled the connection' }).waitFor();
      expect(arrivals).toHaveLength(1);
      // At top level the control cookie is sent: it is there, only the frame does not get it.
      sent.length = 0;
      await outer.goto(`${pages.url}/status/sign-in`);
      expect(sent.some((cookie) => cookie.includes(`${controlCookie}=`))).toBe(true);
    } finally {
      await strict.close();
    }
  });

  test('another site than Sage’s cannot frame the login', async () => {
    const { login } = newLink();
    const stranger = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(`<iframe src="${login}"></iframe>`);
    });
    const url = await listen(stranger, '127.0.0.1');
    try {
      const page = await context.newPage();
      await page.goto(url);
      await expect(page.frames()[1]!.getByLabel('Username').waitFor({ timeout: 1_000 })).rejects.toThrow();
    } finally {
      stranger.close();
    }
  });

  test('without scripts: from sign-in to Rutter, with the accounts that are ticked', async () => {
    await context.close();
    context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 480, height: 760 } });
    const { challenge, login } = newLink();
    const page = await context.newPage();
    await page.goto(login);
    await signIn(page);
    const boxes = page.getByRole('checkbox');
    expect(await boxes.count()).toBe(2);
    for (const box of await boxes.all()) expect(await box.isChecked()).toBe(false);
    await selectAll(page);
    for (const box of await boxes.all()) expect(await box.isChecked()).toBe(true);
    await page.getByLabel('Reserve 7731').uncheck();
    await share(page);
    await page.getByText('Back in Sage').waitFor();
    expect(arrivals.map(String)).toEqual([`challenge=${challenge}&otp=otp-42`]);
    const rows = await pages.pool.query(`SELECT account_ids FROM handoffs WHERE customer_id = $1`, [
      customer.customerId,
    ]);
    expect(rows.rows).toEqual([{ account_ids: [customer.accountIds[0]] }]);
  });

  test('the return to Sage: the challenge is not in the history, and the page confirms the end', async () => {
    const { login } = newLink();
    const page = await context.newPage();
    await page.goto(login);
    await signIn(page);
    await selectAll(page);
    await share(page);
    await page.getByText('Back in Sage').waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'You have already gone on to Sage' }).waitFor();
  });
});

describe('the pages', () => {
  test('each page is accessible by axe’s rules and fits a pop-up of 480 px', async () => {
    const accountId = customer.accountIds[0]!;
    const { customerId } = customer;
    await addConnection(pages, { customerId, accountId, name: 'Harbour Joinery books' });
    const page = await context.newPage();
    await page.goto(`${pages.url}/login`);
    await checkPage(page, 'refused-link');
    await page.goto(newLink().login);
    await checkPage(page, 'sign-in');
    await page.getByLabel('Username').fill('somebody');
    await page.getByLabel('Password').fill('wrong password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await checkPage(page, 'sign-in-refused');
    await signIn(page);
    await selectAll(page);
    await checkPage(page, 'accounts');
    await page.setViewportSize({ width: 320, height: 640 });
    await checkPage(page, 'accounts-320');
    await page.setViewportSize({ width: 480, height: 760 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await checkPage(page, 'accounts-dark');
    await page.emulateMedia({ colorScheme: 'light' });
    for (const box of await page.getByRole('checkbox').all()) await box.uncheck();
    await share(page);
    await checkPage(page, 'accounts-none-ticked');
  });

  test('the customer’s and the operators’ pages are accessible and readable', async () => {
    const [first, second] = customer.accountIds;
    const { customerId } = customer;
    const live = await addConnection(pages, { customerId, accountId: first!, name: 'Harbour Joinery books' });
    const waiting = await addConnection(pages, { customerId, accountId: second!, linked: false });
    await pages.pool.query(
      `UPDATE feeds SET transaction_start_date = '2026-01-05T00:00:00Z', last_synced_at = now() WHERE feed_id = $1`,
      [live.feedId],
    );
    await writeTimeline(pages.pool, {
      kind: 'batch_delivered',
      customerId,
      feedId: live.feedId,
      detail: { delivered: 1_000 },
    });
    await writeTimeline(pages.pool, { kind: 'feed_published', customerId, feedId: waiting.feedId });
    const page = await context.newPage();
    await page.setViewportSize({ width: 900, height: 800 });
    await page.goto(`${pages.url}/status`);
    await signIn(page);
    await checkPage(page, 'status');
    await pages.pool.query(`UPDATE feeds SET state = 'reauth_required' WHERE feed_id = $1`, [live.feedId]);
    await page.setViewportSize({ width: 380, height: 760 });
    await page.reload();
    await page.emulateMedia({ colorScheme: 'dark' });
    await checkPage(page, 'status-narrow-dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.getByRole('link', { name: 'Stop sharing Trading account' }).click();
    await checkPage(page, 'stop-sharing');
    await page.goto(`${pages.url}/codec/sign-in`);
    await checkPage(page, 'codec-sign-in');
    await page.getByLabel('Operators’ token').fill(opsToken);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await checkPage(page, 'codec-signed-in');
  });

  test('the finishing page loads itself again until the redirect is there', async () => {
    pages.facade.onAccountsShared = async () => true;
    const page = await context.newPage();
    const { challenge, login } = newLink();
    await page.goto(login);
    await signIn(page);
    const handoffId = new URL(page.url()).pathname.split('/')[2]!;
    await selectAll(page);
    await page.getByRole('button', { name: 'Share accounts' }).click({ timeout: 120_000 });
    // The page is held while it is checked: it would load itself again under the check.
    const held: Route[] = [];
    await page.route('**/finish', (route) => void held.push(route));
    // No worker is there: after twenty seconds the page says so.
    await page.getByRole('heading', { name: 'We are not ready yet' }).waitFor({ timeout: 120_000 });
    // Without a script there is no other way to go on; it waits for the page's own work and changes nothing in it.
    await checkPage(page, 'finishing', ['meta-refresh']);
    await makeReady(pages, { handoffId, otp: 'otp-late' });
    await page.unroute('**/finish');
    for (const route of held) await route.continue();
    await page.getByText('Back in Sage').waitFor();
    expect(arrivals.map(String)).toEqual([`challenge=${challenge}&otp=otp-late`]);
  });
});
