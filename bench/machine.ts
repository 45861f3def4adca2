import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { median } from './statistics.js';

/** What the figures depend on; printed above the table. */
export interface Machine {
  readonly cores: number;
  readonly memoryGb: number;
  readonly node: string;
  /** Of the last minute, before anything was started. */
  readonly loadAtStart: number;
  /** One durable write of 8 KB (write and fdatasync), median. */
  readonly durableWriteMs: number;
}

/** Above this the machine is busy with other things and absolute figures are too high. */
export const quietLoadMax = 0.5;

const writesForMedian = 60;
const pageBytes = 8_192;

export async function describeMachine(): Promise<Machine> {
  return {
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    loadAtStart: await currentLoad(),
    durableWriteMs: await timeDurableWrite(),
  };
}

async function currentLoad(): Promise<number> {
  const text = await readFile('/proc/loadavg', 'utf8').catch(() => undefined);
  return text === undefined ? (loadavg()[0] ?? 0) : Number(text.split(' ')[0]);
}

/** Measured in the folder of the servers' data, so that a memory disk shows. */
async function timeDurableWrite(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'bankfeeds-bench-disk-'));
  try {
    const file = await open(join(folder, 'page'), 'w');
    const page = Buffer.alloc(pageBytes, 1);
    const times: number[] = [];
    for (let index = 0; index < writesForMedian; index += 1) {
      const startedMs = performance.now();
      await file.write(page, 0, pageBytes, index * pageBytes);
      await file.datasync();
      times.push(performance.now() - startedMs);
    }
    await file.close();
    return median(times);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
