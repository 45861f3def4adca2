// npm run screenshots: starts the whole service on free ports with an empty folder, links the demo account in a browser,
// and writes the images of README.md. CHROME_PATH names the browser when it is not found by itself.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import { findChromium } from './local/find-chromium.js';
import { sandboxOrigins } from './local/role-environment.js';
import { startService, type RunningService } from './local/start-service.js';

const images = fileURLToPath(new URL('../docs/images', import.meta.url));
const viewport = { width: 860, height: 720 };
const daysShown = 10;
const dayMs = 86_400_000;
/** Deliveries take a second or two; this only ends a run that hangs. */
const arrivedTimeoutMs = 60_000;
const freePorts = {
  PORT: '0',
  SANDBOX_PORT: '0',
  TEMPORAL_PORT: '0',
  TEMPORAL_UI_PORT: '0',
  POSTGRES_PORT: '0',
};

const printLine = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const localDir = await mkdtemp(join(tmpdir(), 'bankfeeds-screenshots-'));
  const environment = { ...process.env, ...freePorts, LOCAL_DIR: localDir, SAGE_STATUS_POLL_MAX: '2s' };
  const executablePath = await findChromium({ printLine });
  const service = await startService({
    environment,
    fresh: true,
    printLine,
    signal: new AbortController().signal,
  });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    await mkdir(images, { recursive: true });
    await tour(service, await browser.newPage({ viewport }));
  } finally {
    await browser.close();
    await service.stop();
    await rm(localDir, { recursive: true, force: true });
  }
}

/** The tour of README.md, steps 1 to 3. */
async function tour(service: RunningService, page: Page): Promise<void> {
  await page.goto(sandboxOrigins(service.settings).screens);
  await page.getByRole('button', { name: 'Connect your bank' }).click();
  await signIn(service, page);
  await page.getByRole('button', { name: 'Select all' }).click();
  await page.getByRole('checkbox', { checked: true }).first().waitFor();
  await shoot(page, 'share-accounts');
  await page.getByRole('button', { name: 'Share accounts' }).click();
  await page.getByRole('button', { name: 'Start feed' }).waitFor();
  const startDate = new Date(Date.now() - daysShown * dayMs).toISOString().slice(0, 16);
  for (const account of ['Current account', 'Business card']) {
    await page.getByRole('checkbox', { name: new RegExp(account) }).check();
    await page.getByLabel(`Start date of ${account} (UTC)`).fill(startDate);
  }
  await page.getByRole('button', { name: 'Start feed' }).click();
  await page.getByText('Meadow Foods').first().waitFor({ timeout: arrivedTimeoutMs });
  await page.goto(`${service.settings.publicUrl}/status`);
  await signIn(service, page);
  await page.getByText('Current account').first().waitFor();
  await page.getByText('Up to date').first().waitFor({ timeout: arrivedTimeoutMs });
  await shoot(page, 'status');
}

async function signIn(service: RunningService, page: Page): Promise<void> {
  await page.getByLabel('Username').fill('demo');
  await page.getByLabel('Password').fill(service.tokens.demoPassword);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(images, `${name}.png`) });
  printLine(`docs/images/${name}.png`);
}

await main();
process.exit();
