import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readText, root } from './docs-files.js';

const document = 'docs/reliability/README.md';

interface Row {
  id: string;
  files: string[];
  titles: string[];
  cells: string[];
}

/** The rows of the tables of a section that begin with `<letter><number>`. */
function rowsOf(section: string, letter: string): Row[] {
  const text = readText(document).split(new RegExp(`^## ${section}$`, 'm'))[1] ?? '';
  const lines = (text.split(/^## /m)[0] ?? '').split('\n');
  return lines
    .filter((line) => new RegExp(`^\\| ${letter}\\d+ `).test(line))
    .map((line) => ({
      id: /\w+/.exec(line)?.[0] ?? '',
      files: [...line.matchAll(/`((?:test|scripts|src)\/[\w./-]+)`/g)].map((match) => match[1] ?? ''),
      titles: [...line.matchAll(/“([^”]+)”/g)].map((match) => match[1] ?? ''),
      cells: line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    }));
}

const tables = [
  { section: 'Invariants', letter: 'I', count: 15 },
  { section: 'Invariants', letter: 'S', count: 9 },
  { section: 'Faults', letter: 'F', count: 45 },
  { section: 'Bad inputs', letter: 'B', count: 11 },
];
const rows = tables.flatMap(({ section, letter }) => rowsOf(section, letter));

test.each(tables)(
  '$section of docs/reliability/README.md has each of its $count rows, once and in order',
  (table) => {
    const { section, letter, count } = table;
    const expected = Array.from({ length: count }, (_, index) => `${letter}${String(index + 1)}`);
    expect(rowsOf(section, letter).map(({ id }) => id)).toEqual(expected);
  },
);

test('each row of docs/reliability/README.md names a file that shows it, or says why it is not shown', () => {
  const empty = rows.filter(({ cells, files }) => {
    if (cells.includes('')) return true;
    const shown = files.length > 0 || cells.some((cell) => /the kills|check[A-Z]/.test(cell));
    const excused = cells.length === 4 && cells[3] !== '–';
    return !shown && !excused;
  });
  expect(empty).toEqual([]);
});

test('every file that a row of docs/reliability/README.md names exists', () => {
  const files = rows.flatMap((row) => row.files);
  expect(files.length).toBeGreaterThan(80);
  expect(files.filter((file) => !existsSync(root + file))).toEqual([]);
});

test('every test that a row of docs/reliability/README.md names stands in a file of that row', () => {
  const titles = rows.flatMap(({ files, titles: named }) => named.map((title) => ({ files, title })));
  expect(titles.length).toBeGreaterThan(25);
  const missing = titles.filter(({ files, title }) => {
    const texts = files.filter((file) => existsSync(root + file)).map(readText);
    // As a string of its own, so that half a title does not pass.
    return !texts.some((text) => ["'", '`', '"'].some((quote) => text.includes(quote + title + quote)));
  });
  expect(missing).toEqual([]);
});
