import { access, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const libraries = '/usr/lib';
/** For processes with several threads. */
const library = join('faketime', 'libfaketimeMT.so.1');
const changedWithinSeconds = 1;

/** A clock of its own for each part of a stack: a file that says how far it is ahead, read again every second. */
export interface Clocks {
  /** The variables that give a process the clock of its part. */
  variablesOf(part: string, folder: string): Promise<Record<string, string>>;
  /** Sets the clock of a part, running or not, ahead of the machine's; negative: behind. */
  set(part: string, aheadSeconds: number): Promise<void>;
}

/** @throws Error that names the package that is missing */
export async function createClocks(initial: Readonly<Record<string, number>> = {}): Promise<Clocks> {
  const preloaded = await findFaketime();
  const files = new Map<string, string>();
  const write = (path: string, aheadSeconds: number): Promise<void> =>
    writeFile(path, `${aheadSeconds < 0 ? '' : '+'}${String(aheadSeconds)}\n`, { mode: 0o644 });
  return {
    variablesOf: async (part, folder) => {
      const path = join(folder, `clock-${part}`);
      files.set(part, path);
      await write(path, initial[part] ?? 0);
      return {
        LD_PRELOAD: preloaded,
        FAKETIME_TIMESTAMP_FILE: path,
        FAKETIME_CACHE_DURATION: String(changedWithinSeconds),
        // Waits go on when somebody sets the clock, as they do on a real machine.
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      };
    },
    set: async (part, aheadSeconds) => {
      const path = files.get(part);
      if (path === undefined) throw new Error(`there is no part ${part}`);
      await write(path, aheadSeconds);
    },
  };
}

/** Debian puts it below the folder of the architecture. */
async function findFaketime(): Promise<string> {
  const folders = (await readdir(libraries)).filter((name) => name.includes('-linux-'));
  for (const path of ['', ...folders].map((folder) => join(libraries, folder, library))) {
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return path;
  }
  throw new Error(
    'libfaketime is missing: install the Debian package "faketime" (apt-get install faketime).',
  );
}
