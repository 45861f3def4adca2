import { access, chmod, mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LocalFailure } from './local-failure.js';
import type { PrintLine } from './local-failure.js';
import { takeLock } from './lock.js';
import type { Lock } from './lock.js';

/** The folder of a local start and the paths in it. */
export interface LocalFolder {
  root: string;
  postgres: string;
  temporalFile: string;
  sandbox: string;
  logs: string;
  run: string;
  secretsFile: string;
  lock: Lock;
}

/** Marks a folder of ours: --fresh may remove its content. */
const marker = '.bankfeeds-local';
const ourFolders = ['postgres', 'temporal', 'sandbox', 'logs', 'run'];
const secrets = 'secrets.json';
const lockName = 'start.lock';
const diskBytesMin = 500_000_000;

/**
 * Creates or opens LOCAL_DIR and locks it against a second start. Processes of a killed start may still be running.
 *
 * @throws LocalFailure with the remedy: locked by another start, not ours, not writable, disk full
 */
export async function openLocalFolder(input: { localDir: string }): Promise<LocalFolder> {
  const root = resolve(input.localDir);
  await mkdir(root, { recursive: true }).catch((error: unknown) => {
    throw new LocalFailure(
      `LOCAL_DIR ${root} cannot be created (${codeOf(error)}): set LOCAL_DIR to another folder.`,
    );
  });
  await claim(root);
  const disk = await statfs(root);
  if (disk.bavail * disk.bsize < diskBytesMin) {
    throw new LocalFailure(
      `Less than ${diskBytesMin / 1e6} MB are free on the disk of LOCAL_DIR ${root}: free some space, or set LOCAL_DIR to another disk.`,
    );
  }
  const lock = await takeLock(join(root, lockName));
  if ('heldBy' in lock) {
    throw new LocalFailure(
      `Another start (process ${lock.heldBy.pid}) uses ${root}: end it first, or set LOCAL_DIR and the ports to others.`,
    );
  }
  await makePrivate(root);
  for (const name of ourFolders) {
    await mkdir(join(root, name), { recursive: true });
    await makePrivate(join(root, name));
  }
  return {
    root,
    postgres: join(root, 'postgres'),
    temporalFile: join(root, 'temporal', 'temporal.db'),
    sandbox: join(root, 'sandbox'),
    logs: join(root, 'logs'),
    run: join(root, 'run'),
    secretsFile: join(root, secrets),
    lock,
  };
}

/**
 * Tokens, keys and customers' data are in these folders: whatever the umask was when they were created. For root,
 * PostgreSQL runs as another user, who has to pass through, but cannot list.
 */
async function makePrivate(folder: string): Promise<void> {
  // A mounted folder may belong to another user; the files in it are private all the same.
  await chmod(folder, process.getuid?.() === 0 ? 0o711 : 0o700).catch(() => undefined);
}

async function claim(root: string): Promise<void> {
  const names = await readdir(root);
  if (names.length > 0 && !names.includes(marker)) {
    throw new LocalFailure(`LOCAL_DIR ${root} contains other files: set it to a new or empty folder.`);
  }
  await writeFile(
    join(root, marker),
    'Data of a local start of bankfeeds; npm start -- --fresh removes it.\n',
  ).catch((error: unknown) => {
    throw new LocalFailure(
      `LOCAL_DIR ${root} cannot be written (${codeOf(error)}): set it to another folder.`,
    );
  });
}

/** Removes the data of earlier starts, when no process uses it: our own folders by name, and nothing else. */
export async function emptyLocalFolder(folder: LocalFolder, printLine: PrintLine): Promise<void> {
  await access(join(folder.root, marker));
  printLine(`removing the data in ${folder.root}`);
  await rm(folder.secretsFile, { force: true });
  for (const name of ourFolders) {
    const path = join(folder.root, name);
    await rm(path, { recursive: true, force: true });
    await mkdir(path);
    await makePrivate(path);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
