import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A mutation: a small patch whose first lines say what it is and which test kills it. */
export interface Mutation {
  /** File name below the folder. */
  readonly file: string;
  /** The bug, as one would tell it. */
  readonly title: string;
  /** The invariant that it breaks. */
  readonly breaks: string;
  /** Path of the test file from the project's root. */
  readonly test: string;
  /** Name of the test, whole or its beginning, without characters that mean something in a regular expression. */
  readonly name: string;
}

/**
 * Reads all `*.patch` of a folder, by name.
 * @throws Error naming the file when a heading line is missing
 */
export async function readMutations(folder: string): Promise<Mutation[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.patch')).sort();
  return await Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(folder, file), 'utf8');
      const heading = (word: string): string => {
        const found = new RegExp(`^${word}: (.+)$`, 'm').exec(text)?.[1];
        if (found === undefined) throw new Error(`${file} has no line "${word}: …"`);
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
