import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { probeAddress } from './probe-address.js';
import { runDownload } from './run-download.js';

/** What the SDK downloads: the official CLI, or the time-skipping test server. */
export type SdkArtifact = 'cli' | 'temporal-test-server';

export interface SdkFetchInput {
  artifact: SdkArtifact;
  /** With the leading "v" of the download address. */
  version: string;
  /** Path of the program; the temporary folder of the download is created beside it. */
  target: string;
  /** For tests. */
  baseUrl?: string;
}

/** For both probes before the download; with the stall time of the download less than the promised ten seconds. */
const probeMs = 4_500;
const stalledMs = 5_000;
const downloadMs = 300_000;

/**
 * Runs the SDK's download with limits. It has no time-out, ignores SIGTERM, and waits for the incomplete file of a killed
 * download. Therefore its addresses are probed first, and it runs in a child process with a new folder and is ended with
 * SIGKILL when that stops growing.
 *
 * @returns whether the program is now at `target`
 */
export async function fetchWithSdk(input: SdkFetchInput): Promise<boolean> {
  if (!(await answers(input))) return false;
  const folder = await mkdtemp(join(dirname(input.target), 'sdk-download-'));
  try {
    const child = fileURLToPath(new URL('./sdk-download-child.ts', import.meta.url));
    const done = await runDownload({
      command: process.execPath,
      args: ['--import', 'tsx', child, input.artifact, input.version, folder],
      folder,
      stallMs: stalledMs,
      totalMs: downloadMs,
    });
    const name = (await readdir(folder)).find((file) => !file.endsWith('.downloading'));
    if (!done || name === undefined) return false;
    await rename(join(folder, name), input.target);
    return true;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The address that names the archive, then the archive's own host, within one shared time limit. */
async function answers(input: SdkFetchInput): Promise<boolean> {
  const deadline = Date.now() + probeMs;
  const platform = process.platform === 'darwin' ? 'darwin' : 'linux';
  const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const base = input.baseUrl ?? 'https://temporal.download';
  const url = `${base}/${input.artifact}/${input.version}?arch=${arch}&platform=${platform}`;
  const answer = await probeAddress({ url, timeoutMs: probeMs });
  const archive = answer === undefined ? undefined : /"archiveUrl"\s*:\s*"([^"]+)"/.exec(answer)?.[1];
  if (archive === undefined) return false;
  const left = Math.max(500, deadline - Date.now());
  return (await probeAddress({ url: archive, method: 'HEAD', timeoutMs: left })) !== undefined;
}
