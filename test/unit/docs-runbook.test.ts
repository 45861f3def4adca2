import { expect, test } from 'vitest';
import { alertCodes, runbookOfAlert } from '../../src/domain/alerts.js';
import { blockReasons, transientReasons } from '../../src/domain/rutter/feed.js';
import { sageAccountReasons } from '../../src/domain/sage-banking/account-limits.js';
import { sageLinkReasons } from '../../src/domain/sage-banking/bank-link.js';
import { sageReprocessReasons } from '../../src/domain/sage-banking/reprocess.js';
import { sageOnboardingRefusals, sageOnboardingFailures } from '../../src/domain/sage-banking/onboarding.js';
import { filesBelow, readText } from './docs-files.js';

const runbook = readText('docs/operations/runbook.md');
/** The runbook with the pages that it lists. */
const pages = filesBelow('docs/operations', '.md').map(readText).join('\n');
/** Codes in all headings. */
const headed = new Set(
  [...pages.matchAll(/^### (.+)$/gm)].flatMap(([, heading = '']) =>
    [...heading.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
  ),
);

function missing(codes: readonly string[]): string[] {
  return codes.filter((code) => !headed.has(code));
}

test('the runbook has an entry for every reason for which a feed is not sending', () => {
  expect(missing([...blockReasons, ...transientReasons])).toEqual([]);
  const files = [...filesBelow('src/activities', '.ts'), ...filesBelow('src/workflows', '.ts')];
  // Written as a word where it happens, besides the named ones.
  const written = files.flatMap((file) =>
    [...readText(file).matchAll(/(?:recordReason\([^)]*?reason: |blockFeed\(context, )'([a-z_]+)'/g)].map(
      (match) => match[1] ?? '',
    ),
  );
  expect(written).toContain('rejected_by_provider');
  expect(missing(written)).toEqual([]);
});

test('the runbook has for every alert what it means, where to look, what to do and what not', () => {
  expect(alertCodes.length).toBeGreaterThan(5);
  for (const code of alertCodes) {
    const entry = runbook.split(`\n### Alert \`${code}\`\n`)[1]?.split('\n### ')[0] ?? '';
    for (const part of ['Means: ', 'Look: ', 'Do: ', 'Do not: ']) {
      expect(entry.includes(`\n${part}`), `${part} of the alert ${code}`).toBe(true);
    }
  }
});

test('every alert links to its section of the runbook', () => {
  for (const code of alertCodes) {
    const [file = '', anchor] = runbookOfAlert(code).split('#');
    const anchors = [...readText(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
    expect(
      anchors.filter((each) => each === anchor),
      code,
    ).toHaveLength(1);
  }
});

/** As GitHub makes it: lower case, no punctuation but hyphens and underscores, hyphens for blanks. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 _-]/g, '')
    .replaceAll(' ', '-');
}

test('the runbook has an entry for every reason for which a handoff ends', () => {
  const union =
    /export type HandoffReason =([\s\S]*?);/.exec(readText('src/domain/rutter/handoff.ts'))?.[1] ?? '';
  const reasons = [...union.matchAll(/\| '([a-z_]+)'/g)].map((match) => match[1] ?? '');
  expect(reasons.length).toBeGreaterThan(5);
  expect(missing(reasons)).toEqual([]);
});

test('the runbook has an entry for every reason for which a reprocess run fails', () => {
  expect(missing(sageReprocessReasons)).toEqual([]);
});

test('the runbook has an entry for every reason that an onboarding at Sage can show', () => {
  expect(missing([...sageOnboardingRefusals, ...sageOnboardingFailures])).toEqual([]);
});

test('the runbook has an entry for every reason for which a link ends, or an account at Sage is not read', () => {
  expect(sageLinkReasons.length + sageAccountReasons.length).toBeGreaterThan(10);
  expect(missing([...sageLinkReasons, ...sageAccountReasons])).toEqual([]);
});

test('the runbook has an entry for every log line at level error', () => {
  const files = ['worker.ts', ...filesBelow('src', '.ts')];
  const events = files.flatMap((file) => {
    const text = readText(file);
    const ours = [...text.matchAll(/logger\.(?:error|fatal)\((?:\{[^}]*\}, )?'([^']+)'/g)];
    const theirs = [...text.matchAll(/\blog\.error\('([^']+)'/g)];
    return [...ours, ...theirs].map((match) => match[1] ?? '');
  });
  expect(events.length).toBeGreaterThan(2);
  expect(missing(events)).toEqual([]);
});

test('the runbook has an entry for the exit code of an unusable configuration', () => {
  expect(pages).toMatch(/^### Exit code 78$/m);
  expect(readText('src/config.ts')).toContain('configurationExitCode = 78');
});
