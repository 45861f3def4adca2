import { chromium } from 'playwright-core';
import type { Browser, LaunchOptions } from 'playwright-core';
import { inject } from 'vitest';
import './provided.js';

/** No requests of its own, no sandbox (root has none), no QUIC. */
const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A real Chromium, headless. Only in the `e2e` project, whose setup finds one or fails. Close it in `afterAll`. */
export function launchBrowser(
  options: { args?: string[] } & Omit<LaunchOptions, 'args'> = {},
): Promise<Browser> {
  const { args, ...rest } = options;
  return chromium.launch({
    executablePath: inject('chromePath'),
    args: [...chromiumArguments, ...(args ?? [])],
    ...rest,
  });
}
