import type { Mutation } from './read-mutations.js';

export interface MutationResult {
  readonly mutation: Mutation;
  readonly outcome: 'killed' | 'lives' | 'does not apply' | 'test fails without it' | 'test did not run';
  readonly seconds: number;
}

/** One line a bug, and the sum. */
export function mutationTable(results: readonly MutationResult[]): string {
  const rows = results.map(({ mutation, outcome, seconds }) => [
    outcome,
    `${seconds.toFixed(0)} s`,
    mutation.breaks,
    mutation.title,
    `${mutation.test}: ${mutation.name}`,
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
  return [line(head), ...rows.map(line), '', `${killed} of ${results.length} mutations killed`].join('\n');
}
