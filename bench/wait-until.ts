import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `ask` until its result is not undefined.
 *
 * @throws Error with `what`, after `timeoutMs`; the signal's reason if it is aborted
 */
export async function waitUntil<Answer>(
  ask: () => Promise<Answer | undefined>,
  input: { what: string; everyMs: number; timeoutMs: number; signal: AbortSignal },
): Promise<Answer> {
  const deadline = Date.now() + input.timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`not within ${input.timeoutMs} ms: ${input.what}`);
    await sleep(input.everyMs, undefined, { signal: input.signal });
  }
}
