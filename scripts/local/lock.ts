import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { identifyProcess, isSameProcess } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

export interface Lock {
  release(): Promise<void>;
}

/** Two starts that find the same stale lock may undo each other's attempt; a few attempts resolve it. */
const attemptsMax = 5;

/**
 * Acquires a lock file for this process. A lock whose process has ended without a release is taken over: the file
 * contains the process id and its start time, so that another process with the same id does not count.
 *
 * @returns the lock, or the running process that holds it
 */
export async function takeLock(path: string): Promise<Lock | { heldBy: ProcessIdentity }> {
  const own = await identifyProcess(process.pid);
  if (own === undefined) throw new Error('this process cannot be identified');
  const text = JSON.stringify(own);
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, text, { mode: 0o600 });
  try {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      // A hard link is atomic and fails if the name exists: no process reads an incomplete lock.
      if (await succeeds(link(draft, path))) return { release: () => releaseLock(path, text) };
      const found = await readFile(path, 'utf8').catch(() => undefined);
      if (found === undefined) continue;
      const holder = parseHolder(found);
      if (holder !== undefined && (await isSameProcess(holder))) return { heldBy: holder };
      await removeStale(path, found);
    }
  } finally {
    await rm(draft, { force: true });
  }
  throw new Error(`the lock ${path} could not be acquired`);
}

/** Renamed before it is removed: if it is not the checked one any more, it is renamed back. */
async function removeStale(path: string, checked: string): Promise<void> {
  const aside = `${path}.stale.${process.pid}`;
  if (!(await succeeds(rename(path, aside)))) return;
  if ((await readFile(aside, 'utf8').catch(() => checked)) !== checked) await succeeds(link(aside, path));
  await rm(aside, { force: true });
}

async function releaseLock(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) await rm(path, { force: true });
}

function parseHolder(text: string): ProcessIdentity | undefined {
  try {
    const value = JSON.parse(text) as Partial<ProcessIdentity>;
    return typeof value.pid === 'number' && typeof value.started === 'string'
      ? { pid: value.pid, started: value.started }
      : undefined;
  } catch {
    return undefined;
  }
}

function succeeds(action: Promise<unknown>): Promise<boolean> {
  return action.then(
    () => true,
    () => false,
  );
}
