import { writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';

/** Formats a generated document as `npm run format` does. `path` is absolute and chooses the parser. */
export async function formatDocument(path: string, text: string): Promise<string> {
  return await format(text, { ...(await resolveConfig(path)), filepath: path });
}

export async function writeFormatted(path: string, text: string): Promise<void> {
  await writeFile(path, await formatDocument(path, text));
}
