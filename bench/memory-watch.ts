import { residentBytes } from './process-cpu.js';

export interface MemoryWatch {
  stop(): Promise<{ beforeBytes: number; peakBytes: number }>;
}

const checkEveryMs = 200;

/** Checks a process's resident memory again and again until it is stopped. */
export async function watchMemory(pid: number): Promise<MemoryWatch> {
  const beforeBytes = await residentBytes(pid);
  let peakBytes = beforeBytes;
  const sample = async (): Promise<void> => {
    peakBytes = Math.max(peakBytes, await residentBytes(pid).catch(() => 0));
  };
  const timer = setInterval(() => void sample(), checkEveryMs);
  return {
    stop: async () => {
      clearInterval(timer);
      await sample();
      return { beforeBytes, peakBytes };
    },
  };
}
