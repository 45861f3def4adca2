import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** A folder for one screenshot of each page, for review by eye; without it none is made. */
const screenshotDir = process.env['PAGE_SCREENSHOTS'];

/**
 * Checks a page against axe's rules and for sideways scrolling; `name` is that of its screenshot. `allowed` names rules
 * that this page breaks on purpose.
 */
export async function checkPage(page: Page, name: string, allowed: readonly string[] = []): Promise<void> {
  if (screenshotDir !== undefined) {
    await mkdir(screenshotDir, { recursive: true });
    await page.screenshot({ path: `${screenshotDir}/${name}.png`, fullPage: true });
  }
  expect(await brokenRules(page, allowed), name).toEqual([]);
  const overflows = await page.evaluate(
    'document.documentElement.scrollWidth > document.documentElement.clientWidth',
  );
  expect(overflows, `${name} scrolls sideways`).toBe(false);
}

/** Accessibility rules of WCAG 2.2 A and AA that are broken, by name. Injected past the page's policy, by the test. */
async function brokenRules(page: Page, allowed: readonly string[]): Promise<string[]> {
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(axeSource);
  const broken = await page.evaluate<string[]>(`
    axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
      .then((result) => result.violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.html).join(' | ')))`);
  return broken.filter((rule) => !allowed.some((name) => rule.startsWith(`${name}:`)));
}
