import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The user's cache folder for fetched programs, shared by all clones: `$XDG_CACHE_HOME/bankfeeds`,
 * else `~/.cache/bankfeeds`. It is created if missing.
 */
export async function cacheFolder(): Promise<string> {
  const base = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const folder = join(base, 'bankfeeds');
  await mkdir(folder, { recursive: true });
  return folder;
}
