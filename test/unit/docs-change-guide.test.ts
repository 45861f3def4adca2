import { existsSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readText, root } from './docs-files.js';

const guide = readText('docs/change-guide.md').replaceAll(/\s+/g, ' ');
const path = '`((?:src|test|scripts|sandbox|migrations|docs|bench)\\/[\\w./-]+|[\\w.-]+\\.(?:ts|yml|json))`';
/** A path, and the names in brackets behind it; other words between the names are comments. */
const named = [...guide.matchAll(new RegExp(`${path}(?: \\(([^()]*)\\))?`, 'g'))].map(
  ([, file = '', names = '']) => ({
    file,
    names: [...names.matchAll(/`([A-Za-z_]\w*)`/g)].map((match) => match[1] ?? ''),
  }),
);

test('the change guide answers at least 15 questions, each with a file', () => {
  const tasks = readText('docs/change-guide.md').split(/^### /m).slice(1);
  expect(tasks.length).toBeGreaterThan(15);
  expect(tasks.filter((task) => !new RegExp(path).test(task)).map((task) => task.split('\n')[0])).toEqual([]);
});

test('every file that the change guide names exists', () => {
  // A name without a folder is that of a file which several folders have, or of one in the root.
  const files = named.map(({ file }) => file).filter((file) => file.includes('/') || existsSync(root + file));
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((file) => !existsSync(root + file))).toEqual([]);
});

test('every name that the change guide gives is in the file before it', () => {
  const pairs = named.flatMap(({ file, names }) => names.map((name) => ({ file, name })));
  expect(pairs.length).toBeGreaterThan(40);
  const missing = pairs.filter(({ file, name }) => {
    if (!existsSync(root + file) || statSync(root + file).isDirectory()) return true;
    return !new RegExp(`\\b${name}\\b`).test(readText(file));
  });
  expect(missing).toEqual([]);
});
