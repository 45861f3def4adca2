import { expect, test } from 'vitest';
import { missingOptionalEntries } from '../../scripts/lockfile.js';

test('an optional package without a lock entry is named, since npm ci would refuse the file', () => {
  const packages = {
    '': {},
    'node_modules/@swc/core': { optionalDependencies: { '@swc/core-a': '1', '@swc/core-b': '1' } },
    'node_modules/@swc/core-a': {},
  };
  expect(missingOptionalEntries({ packages })).toEqual(['node_modules/@swc/core needs @swc/core-b']);
});

test('an entry counts where Node finds it: nested, beside, or at the top, and nowhere else', () => {
  const needs = { optionalDependencies: { leaf: '1' } };
  const at = (place: string): string[] =>
    missingOptionalEntries({ packages: { 'node_modules/a/node_modules/b': needs, [place]: {} } });
  expect(at('node_modules/a/node_modules/b/node_modules/leaf')).toEqual([]);
  expect(at('node_modules/a/node_modules/leaf')).toEqual([]);
  expect(at('node_modules/leaf')).toEqual([]);
  expect(at('node_modules/b/node_modules/leaf')).toHaveLength(1);
});
