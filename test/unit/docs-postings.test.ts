import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readText, root } from './docs-files.js';

interface Case {
  name: string;
  rule: string;
  file: string;
  test: string;
  seenIn: string;
}

const document = 'docs/posting-cases.md';
const usualFile = 'test/activities/rutter/posting-cases.test.ts';
const text = readText(document);
/** The entries of the document, each with its rule, where it is seen, and its test. */
const cases: Case[] = [...text.matchAll(/^- \*\*([^]*?)\*\*: ([^]*?)(?=^- \*\*|^## |$(?![^]))/gm)].map(
  ([, name = '', rest = '']) => {
    const line = rest.replaceAll(/\s+/g, ' ').trim();
    const found = /^(.+?)\. - Seen in (.+?)\. Test: (?:`([^`]+)` )?“(.+)”$/.exec(line);
    const [, rule = '', seenIn = '', file = usualFile, title = ''] = found ?? [];
    return { name: name.replaceAll(/\s+/g, ' '), rule, file, test: title, seenIn };
  },
);

test('every case of docs/posting-cases.md has its rule, its test and where it is visible', () => {
  expect(cases.length).toBeGreaterThan(50);
  expect(cases.filter(({ rule, file, test, seenIn }) => [rule, file, test, seenIn].includes(''))).toEqual([]);
  const names = cases.map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test('every test that docs/posting-cases.md names is in the file that it names', () => {
  const missing = cases.filter(({ file, test }) => {
    if (!existsSync(root + file)) return true;
    const text = readText(file);
    // As a string of its own: the whole title, or the name of a case in a table of them.
    return !["'", '`', '"'].some((quote) => text.includes(`${quote}${test}${quote}`));
  });
  expect(missing).toEqual([]);
});

test('docs/posting-cases.md has an entry for each case that the service promises to handle', () => {
  const words = text.toLowerCase();
  const promised = [
    ...[
      'late',
      'repeated',
      'conflicting',
      'pending',
      'start date',
      'borders of batches',
      'clocks go forward',
    ],
    ...[
      'clocks go back',
      'leap day',
      'end of the year',
      'offsets',
      'leap second',
      'future',
      '9999',
      'amount 0',
    ],
    ...['−0', '0.1 + 0.2', '10^12', '16 significant', '1e21', 'infinity', '12,50', 'yen', 'dinars', 'script'],
    ...[
      'emoji',
      'joiners',
      'combining',
      'right-to-left',
      'nul',
      'surrogate',
      'control',
      '1,001',
      'html',
      '=cmd',
    ],
    ...['look alike', 'sql', '__proto__', 'corrects', 'utf-16'],
  ];
  expect(promised.filter((word) => !words.includes(word))).toEqual([]);
});
