import { readFile, readdir } from 'node:fs/promises';

/*
 * Processor time and memory of whole process trees, read from /proc: a server's time is its own, that of its living
 * descendants, and that of those it has already waited for (PostgreSQL's backends come and go). Linux only.
 */

/** Ticks a second in /proc/<pid>/stat: fixed at 100 in the interface to user space on every known Linux. */
const ticksPerSecond = 100;
const secondsPerTick = 1 / ticksPerSecond;

/** Field numbers of /proc/<pid>/stat after the command's name, counted from the state (field 3) as 0. */
const parentField = 1;
const timeFields = [11, 12, 13, 14] as const;

interface ProcessTimes {
  readonly parent: number;
  /** User and system time, own and of reaped children. */
  readonly cpuSeconds: number;
}

/** A process of the measurement and all that descends from it. */
export interface MeasuredPart {
  readonly name: string;
  readonly pid: number;
}

/** CPU seconds since each part's start, by the part's name. */
export type CpuSeconds = Readonly<Record<string, number>>;

/** Reads all parts at one moment. @throws Error where there is no /proc */
export async function readCpu(parts: readonly MeasuredPart[]): Promise<CpuSeconds> {
  const processes = await readProcesses();
  return Object.fromEntries(parts.map(({ name, pid }) => [name, treeSeconds(processes, pid)]));
}

/** What each part used between two readings. */
export function cpuBetween(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  return Object.fromEntries(
    Object.entries(after).map(([name, seconds]) => [name, seconds - (before[name] ?? 0)]),
  );
}

async function readProcesses(): Promise<Map<number, ProcessTimes>> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const processes = new Map<number, ProcessTimes>();
  await Promise.all(
    names.map(async (name) => {
      // Gone between the listing and now: its parent has its time.
      const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => undefined);
      if (stat !== undefined) processes.set(Number(name), timesOf(stat));
    }),
  );
  return processes;
}

function timesOf(stat: string): ProcessTimes {
  // The command's name is in brackets and may contain brackets and spaces: count from the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = timeFields.reduce((total, field) => total + Number(fields[field] ?? 0), 0);
  return { parent: Number(fields[parentField] ?? 0), cpuSeconds: ticks * secondsPerTick };
}

function treeSeconds(processes: ReadonlyMap<number, ProcessTimes>, root: number): number {
  let seconds = 0;
  const members = [root];
  for (let next = members.pop(); next !== undefined; next = members.pop()) {
    const parent = next;
    seconds += processes.get(parent)?.cpuSeconds ?? 0;
    for (const [pid, times] of processes) if (times.parent === parent) members.push(pid);
  }
  return seconds;
}

/** Resident memory of one process now, in bytes, its children not counted. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no resident memory`);
  return Number(kilobytes) * 1_024;
}
