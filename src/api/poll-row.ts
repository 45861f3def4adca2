import { setTimeout as sleep } from 'node:timers/promises';

/** A row that a workflow is about to change is checked in growing steps. */
const firstStepMs = 50;
const lastStepMs = 500;
const growth = 1.5;

/** Reads until `done`, at most for `timeoutMs`; answers what was read last. */
export async function pollRow<Row>(input: {
  read: () => Promise<Row>;
  done: (row: Row) => boolean;
  timeoutMs: number;
}): Promise<Row> {
  const deadlineMs = performance.now() + input.timeoutMs;
  let stepMs = firstStepMs;
  for (;;) {
    const row = await input.read();
    const leftMs = deadlineMs - performance.now();
    if (input.done(row) || leftMs <= 0) return row;
    await sleep(Math.min(stepMs, leftMs));
    stepMs = Math.min(stepMs * growth, lastStepMs);
  }
}
