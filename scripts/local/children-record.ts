import { readFile, rename, writeFile } from 'node:fs/promises';
import type { PrintLine } from './local-failure.js';
import { isSameProcess } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';
import { stopProcess } from './running-part.js';

interface RecordedChild extends ProcessIdentity {
  name: string;
}

export interface ChildrenRecord {
  /** Records a started child under its name, in place of the previous one. */
  add(name: string, identity: ProcessIdentity): Promise<void>;
  /** Ends every child that still runs. */
  endAll(): Promise<void>;
}

const leftoverGraceMs = 5_000;

/**
 * Ends the processes that a killed start left running, and records those of this start. A process is only ended if both
 * its id and its start time are the recorded ones. The caller holds the lock of LOCAL_DIR.
 */
export async function openChildrenRecord(input: {
  path: string;
  printLine: PrintLine;
}): Promise<ChildrenRecord> {
  const children = new Map<string, RecordedChild>();
  await Promise.all((await readRecord(input.path)).map((child) => endLeftover(child, input.printLine)));
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
      // Sequentially: two concurrent saves would write the same temporary file.
      saved = saved.then(save, save);
      return saved;
    },
    endAll: async () => {
      await Promise.all([...children.values()].map(endChild));
    },
  };
}

async function endLeftover(child: RecordedChild, printLine: PrintLine): Promise<void> {
  if (!(await isSameProcess(child))) return;
  printLine(`ending ${child.name}, left running by a start that was killed`);
  await endChild(child);
}

function endChild(child: RecordedChild): Promise<void> {
  return stopProcess(child, [
    { signal: 'SIGTERM', graceMs: leftoverGraceMs },
    { signal: 'SIGKILL', graceMs: leftoverGraceMs },
  ]);
}

async function readRecord(path: string): Promise<RecordedChild[]> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as RecordedChild[];
  } catch {
    return [];
  }
}
