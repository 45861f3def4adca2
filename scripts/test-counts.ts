export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** What we read of Vitest's JSON report (the shape of Jest's). */
interface Report {
  numPassedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: {
    name: string;
    status: string;
    startTime: number;
    endTime: number;
    assertionResults: { status: string }[];
  }[];
}

export function noCounts(): Counts {
  return { passed: 0, failed: 0, skipped: 0 };
}

/**
 * Counts a test run. A file that fails before its first test counts as one failure, and so does a run that reports no
 * failure but ends with a code other than 0, or that leaves no report at all: nothing that went wrong counts as zero.
 *
 * @param report the JSON report's text, undefined when there is none
 * @param code the runner's exit code
 */
export function countReport(report: string | undefined, code: number): Counts {
  if (report === undefined) return { ...noCounts(), failed: 1 };
  const parsed = JSON.parse(report) as Report;
  const failed = parsed.testResults
    .map((file) => {
      const tests = file.assertionResults.filter((test) => test.status === 'failed').length;
      return tests === 0 && file.status === 'failed' ? 1 : tests;
    })
    .reduce((sum, count) => sum + count, 0);
  return {
    passed: parsed.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: parsed.numPendingTests + parsed.numTodoTests,
  };
}

/**
 * One line for each project (folder of `test`): its files, its tests, and the seconds of all files together. Two files
 * run at a time, so a run takes about half of the sum.
 */
export function projectTable(report: string | undefined): string[] {
  if (report === undefined) return [];
  const sums = new Map<string, { files: number; tests: number; ms: number }>();
  for (const { name, startTime, endTime, assertionResults } of (JSON.parse(report) as Report).testResults) {
    const project = /\/test\/([^/]+)\//.exec(name)?.[1] ?? 'other';
    const sum = sums.get(project) ?? { files: 0, tests: 0, ms: 0 };
    sum.files += 1;
    sum.tests += assertionResults.length;
    sum.ms += endTime - startTime;
    sums.set(project, sum);
  }
  return [...sums]
    .sort(([, left], [, right]) => right.ms - left.ms)
    .map(
      ([project, { files, tests, ms }]) =>
        `${project.padEnd(12)} ${String(files).padStart(3)} files ${String(tests).padStart(5)} tests ${(ms / 1_000).toFixed(0).padStart(5)} s`,
    );
}

/** `12 passed, 0 failed`, and `, 1 skipped` when there are any. */
export function closingLine(counts: Counts): string {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`;
}
