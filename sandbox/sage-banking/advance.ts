import { finishRun } from './reprocess.js';
import type { Sandbox } from './sandbox.js';
import { processStatement } from './statements.js';

/**
 * Does whatever became due, in its order. Called before every request, so nobody can tell it from work that was done
 * when its time came, and neither a restart nor a moved clock loses any.
 */
export function complete(sandbox: Sandbox): void {
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
