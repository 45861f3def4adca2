import { expect, test } from 'vitest';
import { documents, readText } from './docs-files.js';

/** Beyond this a table cannot be read in a terminal or a diff. */
const lineLengthMax = 160;
/** A document that nobody finishes helps nobody. */
const bytesMax: Readonly<Record<string, number>> = {
  'README.md': 8_000,
  'ARCHITECTURE.md': 10_000,
  'docs/reliability/README.md': 10_000,
};

test('no line of a document is longer than 160 characters, but for quotations of the contracts', () => {
  const ours = documents.filter((document) => !document.startsWith('docs/contracts/'));
  expect(ours.length).toBeGreaterThan(20);
  const long = ours.flatMap((document) =>
    readText(document)
      .split('\n')
      .flatMap((line, index) => (line.length > lineLengthMax ? [`${document}:${String(index + 1)}`] : [])),
  );
  expect(long).toEqual([]);
});

test.each(Object.entries(bytesMax))('%s has at most %i bytes', (document, max) => {
  expect(Buffer.byteLength(readText(document))).toBeLessThanOrEqual(max);
});

test('docs/README.md links every document below docs', () => {
  const index = readText('docs/README.md');
  const linked = (document: string): boolean =>
    index.includes(`(${document.replace('docs/', '')})`) ||
    // Their own indexes list them.
    ['docs/decisions/', 'docs/reliability/', 'docs/operations/'].some((folder) =>
      document.startsWith(folder),
    );
  const unlinked = documents.filter(
    (document) => document.startsWith('docs/') && document !== 'docs/README.md' && !linked(document),
  );
  expect(unlinked).toEqual([]);
});
