import { expect, test } from 'vitest';
import { closingLine, countReport } from '../../scripts/test-counts.js';

const report = (files: { status: string; tests: string[] }[]): string => {
  const all = files.flatMap((file) => file.tests);
  const count = (status: string): number => all.filter((each) => each === status).length;
  return JSON.stringify({
    numPassedTests: count('passed'),
    numPendingTests: count('pending'),
    numTodoTests: 0,
    testResults: files.map((file) => ({
      status: file.status,
      assertionResults: file.tests.map((status) => ({ status })),
    })),
  });
};

test('a file that fails before its first test is not counted as nothing', () => {
  const text = report([
    { status: 'passed', tests: ['passed', 'passed', 'pending'] },
    { status: 'failed', tests: [] },
  ]);
  expect(closingLine(countReport(text, 1))).toBe('2 passed, 1 failed, 1 skipped');
});

test('a run that ends with an error outside every test is a failure', () => {
  const text = report([{ status: 'passed', tests: ['passed'] }]);
  expect(closingLine(countReport(text, 1))).toBe('1 passed, 1 failed');
  expect(closingLine(countReport(text, 0))).toBe('1 passed, 0 failed');
});

test('a runner that ends without a report is a failure', () => {
  expect(closingLine(countReport(undefined, 137))).toBe('0 passed, 1 failed');
});
