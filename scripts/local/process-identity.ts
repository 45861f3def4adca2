import { readFile } from 'node:fs/promises';
import { runCommand } from './run-command.js';

/** Identifies a process even if another one gets its process id later. */
export interface ProcessIdentity {
  pid: number;
  /** Its start time as reported by the system, with the boot id if that is known. */
  started: string;
}

/** The identity of a running process, or undefined if no process (or only a zombie) has this id. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  if (!isAlive(pid)) return undefined;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return identifyByPs(pid);
  // The command's name is in brackets and may contain brackets and spaces: count from the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z') return undefined;
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return { pid, started: `${boot.trim()}/${fields[19] ?? ''}` };
}

async function identifyByPs(pid: number): Promise<ProcessIdentity | undefined> {
  const listed = await runCommand({
    command: 'ps',
    args: ['-o', 'stat=,lstart=', '-p', String(pid)],
    timeoutMs: 5_000,
  });
  const line = listed.stdout.trim();
  if (listed.code !== 0 || line === '' || line.startsWith('Z')) return undefined;
  return { pid, started: line.slice(line.indexOf(' ') + 1).trim() };
}

/** Whether this process is still running: the same id and the same start time. */
export async function isSameProcess(known: ProcessIdentity): Promise<boolean> {
  const now = await identifyProcess(known.pid);
  return now !== undefined && now.started === known.started;
}

/** The command line of a running process, arguments separated by spaces; empty if it cannot be read. */
export async function commandLine(pid: number): Promise<string> {
  const raw = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  if (raw !== undefined) return raw.split('\0').join(' ').trim();
  const listed = await runCommand({
    command: 'ps',
    args: ['-o', 'command=', '-p', String(pid)],
    timeoutMs: 5_000,
  });
  return listed.stdout.trim();
}

/** Whether a process with this id exists (zombies included), of any owner. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
