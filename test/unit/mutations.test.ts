import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readMutations } from '../../scripts/mutation/read-mutations.js';
import { readText, root } from './docs-files.js';

const folder = join(root, 'test/mutation');
const mutations = await readMutations(folder);

/** The least number of mutations with which the tests prove that they can see. */
const mutationsMin = 12;

test('enough mutations stand ready to prove that the tests see', () => {
  expect(mutations.length).toBeGreaterThanOrEqual(mutationsMin);
});

test.each(mutations)('$file still fits the code and names a test that exists', (mutation) => {
  // Throws with git's own words when the patch does not fit any more.
  execFileSync('git', ['apply', '--check', join(folder, mutation.file)], { cwd: root, stdio: 'pipe' });
  expect(readText(mutation.test)).toContain(mutation.name);
});
