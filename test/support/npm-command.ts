import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { until } from './until.js';

/** A command as the README names it, with all processes that it consists of. */
export interface NpmCommand {
  /** npm, the shell between (if it is still there), the role: outermost first. */
  processes(): CommandProcess[];
  output(): string;
  /** Completes when npm has ended. */
  exited: Promise<number | null>;
  /** Ends all of it, for the end of a test. */
  end(): void;
}

export interface CommandProcess {
  readonly pid: number;
  readonly command: string;
}

/** Who gets a signal. */
export type SignalTarget = 'npm' | 'role' | 'group';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs `npm …` in a process group of its own, as a terminal and a service manager do. */
export function startNpmCommand(input: { args: string[]; env: Record<string, string> }): NpmCommand {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn('npm', input.args, {
    cwd: root,
    env: { PATH, HOME, ...input.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => (text += chunk));
  }
  const pid = child.pid ?? -1;
  return {
    processes: () => withDescendants(pid),
    output: () => text,
    exited: new Promise((resolve) => child.once('exit', (code) => resolve(code))),
    end: () => {
      for (const { pid: each } of withDescendants(pid)) send(each, 'SIGKILL');
      send(-pid, 'SIGKILL');
    },
  };
}

/** Sends the signal when the role prints `ready`, then waits until npm and every process of it has ended. */
export async function signalCommand(
  started: NpmCommand,
  input: { ready: string; target: SignalTarget; signal: NodeJS.Signals },
): Promise<{ code: number | null; seconds: number; left: CommandProcess[] }> {
  const describe = `${input.ready} is printed`;
  await until(() => started.output().includes(input.ready), { describe });
  const processes = started.processes();
  const beganMs = performance.now();
  send(targetOf(processes, input.target), input.signal);
  const code = await started.exited;
  const left = (): CommandProcess[] => processes.filter(({ pid }) => isAlive(pid));
  // npm may be faster than the role by a moment, not more.
  await until(() => left().length === 0, { describe: 'all processes have ended' }).catch(() => undefined);
  return { code, seconds: (performance.now() - beganMs) / 1_000, left: left() };
}

function targetOf(processes: CommandProcess[], target: SignalTarget): number {
  const npm = processes[0]?.pid ?? -1;
  if (target === 'npm') return npm;
  if (target === 'group') return -npm;
  return processes.find(({ command }) => command.startsWith('node ') && command.includes('.ts'))?.pid ?? -1;
}

function withDescendants(pid: number): CommandProcess[] {
  const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
  const children = read(`/proc/${pid}/task/${pid}/children`).trim();
  const found = children === '' ? [] : children.split(' ').flatMap((child) => withDescendants(Number(child)));
  return [{ pid, command }, ...found];
}

function isAlive(pid: number): boolean {
  const state = read(`/proc/${pid}/stat`);
  return state !== '' && !/\) Z /.test(state);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has already ended.
  }
}
