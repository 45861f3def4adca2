import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Formats a generated document as `npm run format` does. `path` is absolute and chooses the rules. */
export async function formatDocument(path: string, text: string): Promise<string> {
  const program = 'node_modules/oxfmt/bin/oxfmt';
  const running = promisify(execFile)(process.execPath, [program, '--stdin-filepath', path], { cwd: root });
  running.child.stdin?.end(text);
  return (await running).stdout;
}

export async function writeFormatted(path: string, text: string): Promise<void> {
  await writeFile(path, await formatDocument(path, text));
}
