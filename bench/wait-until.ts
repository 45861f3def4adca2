import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again until the answer is no longer undefined.
 *
 * @throws Error saying what was waited for, after `timeoutMs`; the signal's reason when it is aborted
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
