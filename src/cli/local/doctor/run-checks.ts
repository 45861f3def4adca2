import { failed, textOf, type Check, type Finding } from './check.js';

export interface CheckResult extends Finding {
  readonly check: string;
}

/** Longer than the time-out of any single call in a check, shorter than a person waits. */
export const checkMaxMs = 15_000;

/**
 * Runs all checks beside each other, whatever the others find, each for at most `checkMaxMs`. `onResult` gets them in
 * their order, each as soon as it and those before it have ended; `onProgress` the ids of those that still run. Never rejects.
 */
export async function runChecks(input: {
  checks: readonly Check[];
  onResult: (result: CheckResult) => void;
  onProgress: (running: readonly string[]) => void;
  maxMs?: number;
}): Promise<CheckResult[]> {
  const { checks, onResult, onProgress, maxMs = checkMaxMs } = input;
  const running = new Set(checks.map(({ id }) => id));
  const started = checks.map(async (check): Promise<CheckResult> => {
    const finding = await runCheck(check, maxMs);
    running.delete(check.id);
    onProgress([...running]);
    return { check: check.id, ...finding };
  });
  onProgress([...running]);
  const results: CheckResult[] = [];
  for (const next of started) {
    const result = await next;
    onResult(result);
    results.push(result);
  }
  return results;
}

async function runCheck(check: Check, maxMs: number): Promise<Finding> {
  const aborting = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => {
      aborting.abort();
      resolve(
        failed(
          `did not end within ${String(maxMs / 1_000)} s`,
          'Something on the way does not answer: check network, firewall and proxies to this part.',
        ),
      );
    }, maxMs);
  });
  const work = (async () => check.run(aborting.signal))();
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    return failed(
      `unforeseen: ${textOf(error)}`,
      'Look into the logs of this part; if they explain nothing, inform the maintainers with this line.',
    );
  } finally {
    clearTimeout(timer);
    // A check that lost the race may still fail; it is reported already.
    work.catch(() => undefined);
  }
}
