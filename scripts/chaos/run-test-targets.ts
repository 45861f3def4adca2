import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median } from '../../bench/statistics.js';
import { appendResults } from '../docs/reliability-results.js';
import type { PrintLine } from '../local/local-failure.js';
import { testFileOf, type TestTarget } from './test-targets.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fullCount = 10;

/**
 * Runs the test file of each target `count` times, one run after the other, and adds one row per target to
 * docs/reliability/results/operations.json as soon as its last run has ended. A failed run does not hide the next ones.
 *
 * @param count undefined: the full number
 * @returns the exit code: 0 if every run passed
 */
export async function runTestTargets(input: {
  targets: readonly TestTarget[];
  count: number | undefined;
  printLine: PrintLine;
}): Promise<number> {
  const { targets, count = fullCount, printLine } = input;
  let failedRuns = 0;
  for (const target of targets) {
    const seconds: number[] = [];
    let failed = 0;
    while (seconds.length < count) {
      const run = await runTestFile(testFileOf(target));
      seconds.push(run.seconds);
      if (!run.passed) failed += 1;
      const outcome = run.passed ? 'passed' : 'FAILED';
      printLine(
        `${target} ${String(seconds.length)}/${String(count)}: ${outcome} (${String(run.seconds)} s)`,
      );
    }
    failedRuns += failed;
    const [maxSeconds, medianSeconds] = [Math.max(...seconds), Math.round(median(seconds))];
    await appendResults('operations', [{ target, runs: count, failed, maxSeconds, medianSeconds }]);
  }
  return failedRuns === 0 ? 0 : 1;
}

/** Its output goes to ours. */
function runTestFile(file: string): Promise<{ passed: boolean; seconds: number }> {
  const beganMs = performance.now();
  return new Promise((resolve, reject) => {
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'verify', file];
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) =>
      resolve({ passed: code === 0, seconds: Math.round((performance.now() - beganMs) / 1_000) }),
    );
  });
}
