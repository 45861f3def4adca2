import type { Mutant } from './read-mutations.js';

export interface MutantResult {
  readonly mutant: Mutant;
  readonly outcome: 'killed' | 'lives' | 'does not apply' | 'test fails without it' | 'test did not run';
  readonly seconds: number;
}

/** One line a bug, and the sum. */
export function mutantTable(results: readonly MutantResult[]): string {
  const rows = results.map(({ mutant, outcome, seconds }) => [
    outcome,
    `${seconds.toFixed(0)} s`,
    mutant.breaks,
    mutant.title,
    `${mutant.test}: ${mutant.name}`,
  ]);
  const head = ['outcome', 'time', 'breaks', 'bug', 'killed by'];
  const widths = head.map((word, column) =>
    Math.max(word.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const killed = results.filter((result) => result.outcome === 'killed').length;
  return [line(head), ...rows.map(line), '', `${killed} of ${results.length} planted bugs killed`].join('\n');
}
