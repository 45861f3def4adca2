import { finishRun } from './reprocess.js';
import type { Sandbox } from './sandbox.js';
import { processStatement } from './statements.js';

/**
 * Applies all changes that have become due, in order. It is called before every request, so clients see each change at
 * its time, and neither a restart nor a moved clock loses one.
 */
export function applyDueChanges(sandbox: Sandbox): void {
  const nowMs = sandbox.clock.nowMs();
  const statements = sandbox.state
    .all('statement')
    .filter((statement) => statement.state === 'waiting')
    .map((statement) => ({ dueMs: statement.dueMs, run: () => processStatement(sandbox, statement) }));
  const runs = sandbox.state
    .all('reprocess')
    .filter((run) => run.state === 'waiting')
    .map((run) => {
      const dueMs = run.dueMs ?? Infinity;
      return { dueMs, run: () => finishRun(sandbox, run, dueMs) };
    });
  const due = [...statements, ...runs].filter((work) => work.dueMs <= nowMs);
  for (const work of due.sort((a, b) => a.dueMs - b.dueMs)) work.run();
}
