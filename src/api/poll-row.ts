import { setTimeout as sleep } from 'node:timers/promises';

/** A row that a workflow is about to change is read at growing intervals. */
const firstIntervalMs = 50;
const longestIntervalMs = 500;
const growth = 1.5;

/** Reads until `done` is true, for at most `timeoutMs`; answers the last value. */
export async function pollRow<Row>(input: {
  read: () => Promise<Row>;
  done: (row: Row) => boolean;
  timeoutMs: number;
}): Promise<Row> {
  const deadlineMs = performance.now() + input.timeoutMs;
  let intervalMs = firstIntervalMs;
  for (;;) {
    const row = await input.read();
    const leftMs = deadlineMs - performance.now();
    if (input.done(row) || leftMs <= 0) return row;
    await sleep(Math.min(intervalMs, leftMs));
    intervalMs = Math.min(intervalMs * growth, longestIntervalMs);
  }
}
