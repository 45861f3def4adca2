import { residentBytes } from './process-cpu.js';

export interface MemoryWatch {
  stop(): Promise<{ beforeBytes: number; peakBytes: number }>;
}

const lookEveryMs = 200;

/** Looks at a process's resident memory again and again until it is stopped. */
export async function watchMemory(pid: number): Promise<MemoryWatch> {
  const beforeBytes = await residentBytes(pid);
  let peakBytes = beforeBytes;
  const look = async (): Promise<void> => {
    peakBytes = Math.max(peakBytes, await residentBytes(pid).catch(() => 0));
  };
  const timer = setInterval(() => void look(), lookEveryMs);
  return {
    stop: async () => {
      clearInterval(timer);
      await look();
      return { beforeBytes, peakBytes };
    },
  };
}
