import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Installing the packages again empties it. */
const folder = resolve(root, 'node_modules/.cache/bankfeeds-workflow-bundles');
/** A bundle has 2 MB; an older one is removed when another is kept. */
const keptMax = 20;

/**
 * A workflow bundle that was built before from the same sources, else what `build` returns, which is kept. Some twenty
 * test files and each start of the service need it, and building takes seconds. The key is the hash of all of `src`,
 * `files`, the lock file and the path of the project (source maps contain it).
 */
export async function keptBundle(files: readonly string[], build: () => Promise<string>): Promise<string> {
  const path = join(folder, `${await hashOfSources(files)}.js`);
  const kept = await readFile(path, 'utf8').catch(() => undefined);
  if (kept !== undefined) return kept;
  const code = await build();
  // Who may not write there, or has no space left, builds again the next time.
  await keep(path, code).catch(() => undefined);
  return code;
}

async function keep(path: string, code: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  // Renamed into place: other processes build and read at the same time.
  const unfinished = `${path}.${process.pid}`;
  await writeFile(unfinished, code);
  await rename(unfinished, path);
  await removeOldest();
}

async function hashOfSources(files: readonly string[]): Promise<string> {
  const src = resolve(root, 'src');
  const names = (await readdir(src, { recursive: true })).filter((name) => name.endsWith('.ts')).sort();
  const paths = [...names.map((name) => join(src, name)), ...files, resolve(root, 'package-lock.json')];
  const texts = await Promise.all(paths.map((path) => readFile(path)));
  const hash = createHash('sha256').update(root);
  for (const [index, text] of texts.entries()) {
    hash.update(`\n${paths[index] ?? ''} ${String(text.length)}\n`).update(text);
  }
  return hash.digest('hex');
}

async function removeOldest(): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.js'));
  const aged = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      // Another process may remove it at the same time.
      return {
        path,
        keptAtMs: await stat(path).then(
          ({ mtimeMs }) => mtimeMs,
          () => 0,
        ),
      };
    }),
  );
  aged.sort((left, right) => right.keptAtMs - left.keptAtMs);
  for (const { path } of aged.slice(keptMax)) await rm(path, { force: true });
}
