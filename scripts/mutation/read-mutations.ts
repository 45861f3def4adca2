import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A mutation: a small patch with a bug. Its first lines describe the bug and name the test that must fail. */
export interface Mutation {
  /** File name below the folder. */
  readonly file: string;
  /** A description of the bug. */
  readonly title: string;
  /** The invariant that it breaks. */
  readonly breaks: string;
  /** Path of the test file from the project's root. */
  readonly test: string;
  /** Name of the test or its beginning, without special characters of regular expressions. */
  readonly name: string;
}

/**
 * Reads all `*.patch` of a folder, by name.
 * @throws Error with the file name if a heading line is missing
 */
export async function readMutations(folder: string): Promise<Mutation[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.patch')).sort();
  return await Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(folder, file), 'utf8');
      const heading = (name: string): string => {
        const found = new RegExp(`^${name}: (.+)$`, 'm').exec(text)?.[1];
        if (found === undefined) throw new Error(`${file} has no line "${name}: …"`);
        return found;
      };
      return {
        file,
        title: heading('bug'),
        breaks: heading('breaks'),
        test: heading('test'),
        name: heading('name'),
      };
    }),
  );
}
