import { spawn } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { sendSignal } from './running-part.js';

export interface DownloadInput {
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  /** The new folder of the download. */
  folder: string;
  /** Ended with SIGKILL if nothing in the folder grew for this long. */
  stallMs: number;
  /** Ended with SIGKILL after this time in any case. */
  totalMs: number;
}

const checkEveryMs = 250;

/**
 * Runs a downloader that has no time-out and ignores SIGTERM, and ends it when its folder stops growing.
 *
 * @returns whether it finished with code 0
 */
export async function runDownload(input: DownloadInput): Promise<boolean> {
  const child = spawn(input.command, input.args, {
    stdio: 'ignore',
    detached: true,
    env: input.env ?? process.env,
  });
  const end: { code?: number } = {};
  child.on('error', () => (end.code = -1));
  child.on('exit', (code) => (end.code = code ?? -1));

  const startedAt = Date.now();
  let grewAt = startedAt;
  let size = 0;
  while (end.code === undefined) {
    await delay(checkEveryMs);
    const now = await folderBytes(input.folder);
    if (now > size) {
      size = now;
      grewAt = Date.now();
    }
    if (Date.now() - grewAt > input.stallMs || Date.now() - startedAt > input.totalMs) {
      if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL');
      return false;
    }
  }
  return end.code === 0;
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    entries.map((name) =>
      stat(join(folder, name)).then(
        (file) => (file.isFile() ? file.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
