import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The project's root, with a slash at the end. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

const foreignFolders = new Set(['node_modules', 'dist', '.git', '.local', '.cache', 'coverage', 'secrets']);

/** A file's text; `path` is relative to the root. */
export function readText(path: string): string {
  return readFileSync(`${root}${path}`, 'utf8');
}

/** All folders below one, relative to the root, the one itself and empty ones (git knows none) not among them. */
export function foldersBelow(folder: string): string[] {
  return readdirSync(`${root}${folder}`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !foreignFolders.has(entry.name))
    .filter((entry) => readdirSync(`${root}${folder}/${entry.name}`).length > 0)
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      return [path, ...foldersBelow(path)];
    });
}

/** All files below a folder with one of these endings, relative to the root; '' is the whole project. */
export function filesBelow(folder: string, ...endings: string[]): string[] {
  return ['', ...foldersBelow(folder)].flatMap((below) => {
    const path = below === '' ? folder : below;
    return readdirSync(`${root}${path}`, { withFileTypes: true })
      .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
      .map((entry) => (path === '' ? entry.name : `${path}/${entry.name}`));
  });
}

/** Our documents. */
export const documents = filesBelow('', '.md');
