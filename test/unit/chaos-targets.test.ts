import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { killTargets, readArguments } from '../../scripts/chaos/arguments.js';
import { testFileOf, testTargets } from '../../scripts/chaos/test-targets.js';
import { readText, root } from './docs-files.js';

test('every file of test/verify is one target of npm run chaos, so that npm run verify runs it once', () => {
  const files = readdirSync(`${root}test/verify`, { recursive: true, encoding: 'utf8' })
    .map((file) => `test/verify/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.test.ts'));
  expect(testTargets.map(testFileOf).toSorted()).toEqual(files.toSorted());
});

test('docs/reliability names every target of npm run chaos', () => {
  const text = readText('docs/reliability/README.md') + readText('docs/reliability/levels.md');
  const unnamed = [...killTargets, ...testTargets].filter((target) => !text.includes(`\`${target}`));
  expect(unnamed).toEqual([]);
});

test.each([
  { given: [], kills: killTargets, tests: [] },
  { given: ['--targets', 'kills'], kills: killTargets, tests: [] },
  { given: ['--targets', 'operations'], kills: [], tests: testTargets },
  { given: ['--targets', 'clocks,worker,clocks'], kills: ['worker'], tests: ['clocks'] },
])('npm run chaos $given runs the named targets, each once', ({ given, kills, tests }) => {
  expect(readArguments(given)).toMatchObject({ kills, tests });
});

test.each(['clock', '', 'worker,'])('npm run chaos refuses the target %j and names the others', (name) => {
  expect(() => readArguments(['--targets', name])).toThrow(
    /No target .* there are kills, operations, worker.*clocks/,
  );
});
