import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readMutants } from '../../scripts/mutation/read-mutations.js';
import { readText, root } from './docs-files.js';

const folder = join(root, 'test/mutants');
const mutants = await readMutants(folder);

/** The least number of planted bugs with which the tests prove that they can see. */
const mutantsMin = 12;

test('enough planted bugs stand ready to prove that the tests see', () => {
  expect(mutants.length).toBeGreaterThanOrEqual(mutantsMin);
});

test.each(mutants)('$file still fits the code and names a test that exists', (mutant) => {
  // Throws with git's own words when the patch does not fit any more.
  execFileSync('git', ['apply', '--check', join(folder, mutant.file)], { cwd: root, stdio: 'pipe' });
  expect(readText(mutant.test)).toContain(mutant.name);
});
