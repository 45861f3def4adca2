import type { Mutation } from './read-mutations.js';

export interface MutationResult {
  readonly mutation: Mutation;
  readonly outcome: 'killed' | 'survived' | 'does not apply' | 'test fails without it' | 'test did not run';
  readonly seconds: number;
}

/** One line per mutation, and the totals. */
export function mutationTable(results: readonly MutationResult[]): string {
  const rows = results.map(({ mutation, outcome, seconds }) => [
    outcome,
    `${seconds.toFixed(0)} s`,
    mutation.breaks,
    mutation.title,
    `${mutation.test}: ${mutation.name}`,
  ]);
  const head = ['outcome', 'time', 'breaks', 'mutation', 'test'];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const killed = results.filter((result) => result.outcome === 'killed').length;
  return [line(head), ...rows.map(line), '', `${killed} of ${results.length} mutations killed`].join('\n');
}
