import { access, constants, lstat, mkdir } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalFailure } from './local-failure.js';

/**
 * The user's cache folder for fetched programs, shared by all clones: `$XDG_CACHE_HOME/bankfeeds`, else
 * `~/.cache/bankfeeds`, else, for a user without a home folder, one of their own in the temporary folder. It is created if
 * missing.
 *
 * @throws LocalFailure if none of them can be written
 */
export async function cacheFolder(): Promise<string> {
  const home = homeFolder();
  const shared = process.env['XDG_CACHE_HOME'] || (home === undefined ? undefined : join(home, '.cache'));
  if (shared !== undefined && (await isUsable(join(shared, 'bankfeeds')))) return join(shared, 'bankfeeds');
  const own = join(tmpdir(), `bankfeeds-cache-${process.getuid?.() ?? 'user'}`);
  if ((await isUsable(own)) && (await isOurs(own))) return own;
  throw new LocalFailure(
    `No folder for downloads can be written (${shared ?? 'there is no home folder'}): set XDG_CACHE_HOME to one that can.`,
  );
}

/** The home folder of the user; undefined for one without HOME and without an entry in /etc/passwd. */
export function homeFolder(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}

async function isUsable(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Programs are run from it, and everybody may create folders in the temporary folder. */
async function isOurs(folder: string): Promise<boolean> {
  const found = await lstat(folder);
  return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
}
