import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { identifyProcess, isSameProcess } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

/** Something that runs beside us: an embedded server or one of our roles. */
export interface RunningPart {
  identity: ProcessIdentity;
  /** Completes when the process is gone, for whatever reason; says how it ended in a few words. */
  exited: Promise<string>;
  /** Asks it to end, waits for its grace, ends it by force. Completes when it is gone; a second call is harmless. */
  stop(): Promise<void>;
}

/** One signal and how long it may take before the next, stronger one. */
export interface StopStep {
  signal: NodeJS.Signals;
  graceMs: number;
}

const POLL_MS = 50;

/**
 * Ends a process by a ladder of signals. It need not be our child: an adopted orphan is watched by its identity, so a
 * stranger that gets its number is never signalled.
 */
export async function stopProcess(identity: ProcessIdentity, steps: StopStep[]): Promise<void> {
  for (const step of steps) {
    if (!(await isSameProcess(identity))) return;
    sendSignal(identity.pid, step.signal);
    const deadline = Date.now() + step.graceMs;
    while (Date.now() < deadline) {
      if (!(await isSameProcess(identity))) return;
      await delay(POLL_MS);
    }
  }
}

/** Sends a signal; a process that is already gone is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already: that is what was asked for.
  }
}

/** Completes with "ended with code 1" or "ended by SIGKILL" when our child is gone. */
export function childExited(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`could not be run: ${error.message}`));
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `ended with code ${code ?? 'unknown'}` : `ended by ${signal}`),
    );
  });
}

/** Completes when a process that is not our child is gone. */
export async function adoptedExited(identity: ProcessIdentity): Promise<string> {
  while (await isSameProcess(identity)) await delay(500, undefined, { ref: false });
  return 'ended';
}

/** The identity of a child just spawned; a child that is gone already gets one that matches no process. */
export async function identifyChild(child: ChildProcess): Promise<ProcessIdentity> {
  const pid = child.pid ?? -1;
  return (pid > 0 ? await identifyProcess(pid) : undefined) ?? { pid, started: 'never seen alive' };
}
