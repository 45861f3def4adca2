import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cacheFolder, homeFolder } from './cache-folder.js';
import { lastLine } from './fetch-wheel.js';
import { LocalFailure } from './local-failure.js';
import type { PrintLine } from './local-failure.js';
import { findOnPath, runCommand } from './run-command.js';
import { runDownload } from './run-download.js';

const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const places = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  join(homeFolder() ?? '/', 'Applications/Google Chrome.app/Contents/MacOS/Google Chrome'),
  '/snap/bin/chromium',
];

/** For the probe; with the stall time of Playwright's download less than the promised ten seconds. */
const probeMs = 4_500;
const stalledMs = 5_000;
const downloadMs = 300_000;
const aptMs = 300_000;
const aptAttemptsMax = 2;

const remedy =
  'install it (Debian: apt-get install -y chromium; macOS: brew install --cask chromium) or put the path of a ' +
  'Chromium or Chrome into CHROME_PATH';

/**
 * A Chromium for the browser tests: `CHROME_PATH`, the usual paths, Playwright's download, and for root the system's
 * package manager. It is run once (`--version`) before it is used, since a downloaded one may lack libraries.
 *
 * @returns its full path
 * @throws LocalFailure with the command that installs one
 */
export async function findChromium(input: { printLine: PrintLine }): Promise<string> {
  const named = process.env['CHROME_PATH'];
  if (named) {
    if (await runs(named)) return named;
    throw new LocalFailure(`CHROME_PATH names ${named}, which does not run as a browser: ${remedy}.`);
  }
  const found = await findInstalled();
  if (found !== undefined) return found;
  const downloaded = await downloadWithPlaywright(input.printLine);
  if (downloaded !== undefined) return downloaded;
  const reason = await installAsRoot(input.printLine);
  const installed = await findInstalled();
  if (installed !== undefined) return installed;
  throw new LocalFailure(`There is no Chromium for the browser tests (${reason}): ${remedy}.`);
}

async function findInstalled(): Promise<string | undefined> {
  for (const program of programs) {
    const path = await findOnPath(program);
    if (path !== undefined && (await runs(path))) return path;
  }
  for (const path of places) if (await runs(path)) return path;
  return undefined;
}

async function runs(path: string): Promise<boolean> {
  const printed = await runCommand({ command: path, args: ['--version', '--no-sandbox'], timeoutMs: 20_000 });
  return printed.code === 0 && /chrom/i.test(printed.stdout);
}

async function downloadWithPlaywright(printLine: PrintLine): Promise<string | undefined> {
  const folder = join(await cacheFolder(), 'playwright');
  const env = { ...process.env, PLAYWRIGHT_BROWSERS_PATH: folder };
  const before = await playwrightPath(env);
  if (before !== undefined && (await runs(before))) return before;
  printLine('fetching Chromium with Playwright');
  const host = process.env['PLAYWRIGHT_DOWNLOAD_HOST'] ?? 'https://cdn.playwright.dev';
  if (!(await hostAnswers(host))) return undefined;
  await mkdir(folder, { recursive: true });
  const done = await runDownload({
    command: process.execPath,
    args: [playwrightCli(), 'install', 'chromium'],
    env,
    folder,
    stallMs: stalledMs,
    totalMs: downloadMs,
  });
  const path = done ? await playwrightPath(env) : undefined;
  return path !== undefined && (await runs(path)) ? path : undefined;
}

/** Every answer counts, an error status too. */
async function hostAnswers(url: string): Promise<boolean> {
  try {
    await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(probeMs) });
    return true;
  } catch {
    return false;
  }
}

/** In a child process, since Playwright reads its folder from the environment when it is loaded. */
async function playwrightPath(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const script = "import('playwright-core').then((p) => console.log(p.chromium.executablePath()))";
  const printed = await runCommand({
    command: process.execPath,
    args: ['--input-type=module', '-e', script],
    cwd: dirname(playwrightCli()),
    env,
    timeoutMs: 20_000,
  });
  return printed.code === 0 ? printed.stdout.trim() : undefined;
}

function playwrightCli(): string {
  return join(dirname(createRequire(import.meta.url).resolve('playwright-core/package.json')), 'cli.js');
}

async function installAsRoot(printLine: PrintLine): Promise<string> {
  if (process.getuid?.() !== 0)
    return "Playwright's download does not answer, and only root may install packages";
  const apt = await findOnPath('apt-get');
  if (apt === undefined) return "Playwright's download does not answer, and there is no apt-get";
  printLine('installing Chromium with apt-get');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  let reason = '';
  for (let attempt = 1; attempt <= aptAttemptsMax; attempt += 1) {
    const update = await runCommand({ command: apt, args: ['update', '-q'], env, timeoutMs: aptMs });
    const args = ['install', '-y', '-q', '--no-install-recommends', 'chromium'];
    const install = await runCommand({ command: apt, args, env, timeoutMs: aptMs });
    if (install.code === 0) return '';
    reason = `apt-get: ${lastLine(install.stderr || update.stderr)}`;
  }
  return reason;
}
