import { constants } from 'node:os';

const stopSignals = ['SIGTERM', 'SIGINT'] as const;
/**
 * npm, a terminal and a service manager each send a signal for one request, and a busy machine delivers them late: only a
 * signal after this time is a second request.
 */
const secondRequestMs = 2_000;

/**
 * Aborted by the first SIGTERM or SIGINT, with the name of the signal as its reason. A second request ends the process at
 * once, with 128 and the number of the signal, as the signal itself would. To be called before a process does anything
 * that has to be ended in order.
 */
export function listenForStop(): AbortSignal {
  const stopping = new AbortController();
  let firstAtMs = 0;
  for (const signal of stopSignals) {
    process.on(signal, () => {
      if (!stopping.signal.aborted) {
        firstAtMs = performance.now();
        stopping.abort(signal);
      } else if (performance.now() - firstAtMs >= secondRequestMs) {
        process.exit(128 + constants.signals[signal]);
      }
    });
  }
  return stopping.signal;
}

/** Runs `stop` once, with the name of the signal; at once if the request has come already. */
export function onStop(stopping: AbortSignal, stop: (signal: string) => void): void {
  const run = (): void => stop(String(stopping.reason));
  if (stopping.aborted) run();
  else stopping.addEventListener('abort', run, { once: true });
}
