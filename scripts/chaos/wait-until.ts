import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `ask` until its result is not undefined. An error counts as undefined, since parts are stopped on purpose.
 *
 * @throws Error with `what`, after `timeoutMs`, with the last error as its cause
 */
export async function waitUntil<Answer>(
  ask: () => Promise<Answer | undefined> | Answer | undefined,
  input: { what: string; everyMs: number; timeoutMs: number },
): Promise<Answer> {
  const deadline = Date.now() + input.timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`not within ${String(input.timeoutMs)} ms: ${input.what}`, { cause: lastError });
    }
    await sleep(input.everyMs);
  }
}
