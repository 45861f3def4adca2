import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Say } from './local-failure.js';
import { isSameProcess } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';
import { stopProcess } from './running-part.js';

interface RecordedChild extends ProcessIdentity {
  name: string;
}

export interface ChildrenRecord {
  /** Keeps a child just started under its name, in place of the one before it. */
  add(name: string, identity: ProcessIdentity): Promise<void>;
  /** Ends every child that still runs. */
  endAll(): Promise<void>;
}

const LEFTOVER_GRACE_MS = 5_000;

/**
 * Ends what a killed start left running, and keeps a record of what this one starts. A process is only touched when
 * its number and its start are the recorded ones: then it is ours. The caller holds the lock of LOCAL_DIR.
 */
export async function openChildrenRecord(input: { path: string; say: Say }): Promise<ChildrenRecord> {
  const children = new Map<string, RecordedChild>();
  await Promise.all((await readRecord(input.path)).map((child) => endLeftover(child, input.say)));
  const save = async (): Promise<void> => {
    const draft = `${input.path}.new`;
    await writeFile(draft, JSON.stringify([...children.values()]), { mode: 0o600 });
    await rename(draft, input.path);
  };
  let saved = save();
  await saved;
  return {
    add: (name, identity) => {
      children.set(name, { name, ...identity });
      // One after the other: two at once would write the same draft.
      saved = saved.then(save, save);
      return saved;
    },
    endAll: async () => {
      await Promise.all([...children.values()].map(endChild));
    },
  };
}

async function endLeftover(child: RecordedChild, say: Say): Promise<void> {
  if (!(await isSameProcess(child))) return;
  say(`ending ${child.name}, left running by a start that was killed`);
  await endChild(child);
}

function endChild(child: RecordedChild): Promise<void> {
  return stopProcess(child, [
    { signal: 'SIGTERM', graceMs: LEFTOVER_GRACE_MS },
    { signal: 'SIGKILL', graceMs: LEFTOVER_GRACE_MS },
  ]);
}

async function readRecord(path: string): Promise<RecordedChild[]> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as RecordedChild[];
  } catch {
    return [];
  }
}
