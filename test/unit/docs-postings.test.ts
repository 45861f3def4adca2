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

/** The rows of the table "Every case". */
const section =
  readText('docs/postings.md')
    .split(/^## Every case$/m)[1]
    ?.split(/^## /m)[0] ?? '';
const cases: Case[] = section
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (?:case|-+) +\|/.test(line))
  .map((line) => {
    const [name = '', rule = '', where = '', seenIn = ''] = line
      .slice(1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim());
    const found = /^`([^`]+)`: “(.+)”$/.exec(where);
    return { name, rule, file: found?.[1] ?? '', test: found?.[2] ?? '', seenIn };
  });

test('every case of docs/postings.md has its rule, its test and the place where a person sees it', () => {
  expect(cases.length).toBeGreaterThan(50);
  expect(cases.filter(({ rule, file, test, seenIn }) => [rule, file, test, seenIn].includes(''))).toEqual([]);
  const names = cases.map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test('every test that docs/postings.md names stands in the file that it names', () => {
  const missing = cases.filter(({ file, test }) => {
    if (!existsSync(root + file)) return true;
    const text = readText(file);
    // As a string of its own: the whole title, or the name of a case in a table of them.
    return !["'", '`', '"'].some((quote) => text.includes(`${quote}${test}${quote}`));
  });
  expect(missing).toEqual([]);
});

test('docs/postings.md has a row for each case that the service promises to know', () => {
  const words = section.toLowerCase();
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
