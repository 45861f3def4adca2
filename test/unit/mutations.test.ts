import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readMutations } from '../../scripts/mutation/read-mutations.js';
import { readText, root } from './docs-files.js';

const folder = join(root, 'test/mutation');
const mutations = await readMutations(folder);

/** The minimum that shows that the tests find bugs. */
const mutationsMin = 12;

test('there are enough mutations', () => {
  expect(mutations.length).toBeGreaterThanOrEqual(mutationsMin);
});

test.each(mutations)('$file applies to the code and names a test that exists', (mutation) => {
  // Throws git's error if the patch does not apply.
  execFileSync('git', ['apply', '--check', join(folder, mutation.file)], { cwd: root, stdio: 'pipe' });
  expect(readText(mutation.test)).toContain(mutation.name);
});
