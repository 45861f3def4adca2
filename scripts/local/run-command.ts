import { spawn } from 'node:child_process';

/** A command that ended, or could not be started (`code` is then -1 and `stderr` has the reason). */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandInput {
  command: string;
  args: string[];
  /** After this the command and its children are ended with SIGKILL: some downloads ignore SIGTERM. */
  timeoutMs: number;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
}

/** Output beyond this is dropped, so that a command cannot fill the memory. */
const outputCharsMax = 1_000_000;

/**
 * Runs a command and collects its output. Never rejects: a missing program, a failure and a time-out all return a code
 * other than 0.
 */
export function runCommand(input: CommandInput): Promise<CommandResult> {
  return new Promise((resolve) => {
    // A separate process group, so that the time-out ends the children too.
    const child = spawn(input.command, input.args, {
      cwd: input.cwd,
      env: input.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...(input.uid === undefined ? {} : { uid: input.uid }),
      ...(input.gid === undefined ? {} : { gid: input.gid }),
    });
    const text = { stdout: '', stderr: '' };
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child.pid);
    }, input.timeoutMs);
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8');
      child[name].on('data', (chunk: string) => {
        if (text[name].length < outputCharsMax) text[name] += chunk;
      });
    }
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ code: -1, stdout: text.stdout, stderr: error.message });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      const note = timedOut ? `${input.command} was ended after ${input.timeoutMs} ms` : '';
      resolve({ code: timedOut ? -1 : (code ?? -1), stdout: text.stdout, stderr: text.stderr + note });
    });
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has already ended.
  }
}

/** The full path of a program on PATH, or undefined. */
export async function findOnPath(program: string): Promise<string | undefined> {
  const found = await runCommand({
    command: 'sh',
    args: ['-c', 'command -v "$1"', 'sh', program],
    timeoutMs: 5_000,
  });
  const path = found.stdout.trim();
  return found.code === 0 && path.startsWith('/') ? path : undefined;
}
