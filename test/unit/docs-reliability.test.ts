import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readResults } from '../../scripts/docs/reliability-results.js';
import { renderResultsDocument } from '../../scripts/docs/render-results.js';
import { formatDocument } from '../../scripts/docs/write-formatted.js';
import { readText, root } from './docs-files.js';

interface Entry {
  id: string;
  text: string;
  files: string[];
  titles: string[];
}

/** The entries of a document whose headings are `### <letter><number>: …`. Line breaks inside an entry are spaces. */
function entriesOf(document: string, letter: string): Entry[] {
  return readText(document)
    .split(/^### /m)
    .slice(1)
    .filter((entry) => new RegExp(`^${letter}\\d+: `).test(entry))
    .map((entry) => {
      const text = (entry.split(/^## /m)[0] ?? '').replaceAll(/\s+/g, ' ');
      return {
        id: /\w+/.exec(text)?.[0] ?? '',
        text,
        files: [...text.matchAll(/`((?:test|scripts|src)\/[\w./-]+)`/g)].map((match) => match[1] ?? ''),
        titles: [...text.matchAll(/“([^”]+)”/g)].map((match) => match[1] ?? ''),
      };
    });
}

const lists = [
  { document: 'docs/reliability/invariants.md', letter: 'I', count: 15 },
  { document: 'docs/reliability/invariants.md', letter: 'S', count: 9 },
  { document: 'docs/reliability/faults.md', letter: 'F', count: 45 },
  { document: 'docs/reliability/faults.md', letter: 'B', count: 11 },
];
const entries = lists.flatMap(({ document, letter }) => entriesOf(document, letter));

test.each(lists)('$document has each of its $count entries $letter, once and in order', (list) => {
  const expected = Array.from({ length: list.count }, (_, index) => `${list.letter}${String(index + 1)}`);
  expect(entriesOf(list.document, list.letter).map(({ id }) => id)).toEqual(expected);
});

test('each entry names a file that shows it, or the reason why none does', () => {
  const unproven = entries.filter(({ files, text }) => {
    const shown = files.length > 0 || /the chaos test|check[A-Z]/.test(text);
    return !shown && !text.includes('Not shown: ');
  });
  expect(unproven).toEqual([]);
});

test('every file that an entry names exists', () => {
  const files = entries.flatMap((entry) => entry.files);
  expect(files.length).toBeGreaterThan(80);
  expect(files.filter((file) => !existsSync(root + file))).toEqual([]);
});

test('every test that an entry names is in a file of that entry', () => {
  const titles = entries.flatMap(({ files, titles: named }) => named.map((title) => ({ files, title })));
  expect(titles.length).toBeGreaterThan(25);
  const missing = titles.filter(({ files, title }) => {
    const texts = files.filter((file) => existsSync(root + file)).map(readText);
    // As a string of its own, so that half a title does not pass.
    return !texts.some((text) => ["'", '`', '"'].some((quote) => text.includes(quote + title + quote)));
  });
  expect(missing).toEqual([]);
});

test('docs/reliability/results.md shows the stored results; npm run docs writes it', async () => {
  const expected = await formatDocument(
    `${root}docs/reliability/results.md`,
    renderResultsDocument(await readResults()),
  );
  expect(readText('docs/reliability/results.md')).toBe(expected);
});
