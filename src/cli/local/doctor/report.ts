import type { Terminal } from '../../terminal.js';
import { printable } from '../../terminal.js';
import type { Outcome } from './check.js';
import type { CheckResult } from './run-checks.js';

const colors = { ok: 'green', warning: 'yellow', failed: 'red', skipped: 'gray' } as const;
const outcomeWidth = Math.max(...Object.keys(colors).map((outcome) => outcome.length));

/** One line a check, and below it what to do. `idWidth`: of the longest id. */
export function printResult(terminal: Terminal, result: CheckResult, idWidth: number): void {
  const outcome = terminal.paint(colors[result.outcome], result.outcome.padEnd(outcomeWidth));
  terminal.print(`${outcome}  ${result.check.padEnd(idWidth)}  ${printable(result.detail)}`);
  if (result.remedy === null) return;
  terminal.print(`${' '.repeat(outcomeWidth + 2 + idWidth + 2)}${printable(`Do: ${result.remedy}`)}`);
}

export function countOutcomes(results: readonly CheckResult[]): Record<Outcome, number> {
  const counts = { ok: 0, warning: 0, failed: 0, skipped: 0 };
  for (const { outcome } of results) counts[outcome] += 1;
  return counts;
}

/** The closing line. */
export function summary(results: readonly CheckResult[]): string {
  const counts = countOutcomes(results);
  return (['ok', 'warning', 'failed', 'skipped'] as const)
    .map((outcome) => `${String(counts[outcome])} ${outcome}`)
    .join(', ');
}

/** The document of `--json`. */
export function jsonReport(input: { results: readonly CheckResult[]; configuration: string | null }): string {
  const counts = countOutcomes(input.results);
  const report = {
    passed: counts.failed === 0,
    configuration: input.configuration ?? 'environment',
    counts,
    checks: input.results,
  };
  return JSON.stringify(report, null, 2);
}
