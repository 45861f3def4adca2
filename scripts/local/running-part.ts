import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { identifyProcess, isSameProcess } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

/** A running process: an embedded server or a role. */
export interface RunningPart {
  identity: ProcessIdentity;
  /** Resolves when the process has ended, for any reason, with a short description. */
  exited: Promise<string>;
  /** Stops it with stronger and stronger signals. Resolves when it has ended; a second call does nothing. */
  stop(): Promise<void>;
}

/** One signal, and the wait before the next, stronger one. */
export interface StopStep {
  signal: NodeJS.Signals;
  graceMs: number;
}

const pollMs = 50;

/**
 * Ends a process with a sequence of signals. It need not be our child: a process that was taken over is checked by its
 * identity, so another process with the same id never receives a signal.
 */
export async function stopProcess(identity: ProcessIdentity, steps: StopStep[]): Promise<void> {
  for (const step of steps) {
    if (!(await isSameProcess(identity))) return;
    sendSignal(identity.pid, step.signal);
    const deadline = Date.now() + step.graceMs;
    while (Date.now() < deadline) {
      if (!(await isSameProcess(identity))) return;
      await delay(pollMs);
    }
  }
}

/** Sends a signal; a process that has already ended is not an error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has already ended.
  }
}

/** Resolves with "ended with code 1" or "ended by SIGKILL" when our child has ended. */
export function childExited(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`could not be run: ${error.message}`));
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `ended with code ${code ?? 'unknown'}` : `ended by ${signal}`),
    );
  });
}

/** Resolves when a process that is not our child has ended. */
export async function adoptedExited(identity: ProcessIdentity): Promise<string> {
  while (await isSameProcess(identity)) await delay(500, undefined, { ref: false });
  return 'ended';
}

/** The identity of a new child; for one that has already ended, an identity that matches no process. */
export async function identifyChild(child: ChildProcess): Promise<ProcessIdentity> {
  const pid = child.pid ?? -1;
  return (
    (pid > 0 ? await identifyProcess(pid) : undefined) ?? { pid, started: 'ended before it was identified' }
  );
}
