import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { runCommand } from '../local/run-command.js';
import type { Depth } from './arguments.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const document = new URL('../../docs/reliability/README.md', import.meta.url);
/** Rows go in above this line, oldest first. */
const marker = '<!-- the next soak goes here -->';
const gitMs = 10_000;

export interface SoakRow {
  readonly depth: Depth;
  readonly seed: number;
  readonly runs: number;
  readonly passed: boolean;
  readonly command: string;
}

/** Writes what a finished stretch has shown into the table of docs/reliability/README.md. */
export async function addRow(row: SoakRow): Promise<void> {
  const text = await readFile(document, 'utf8');
  if (!text.includes(marker)) throw new Error(`docs/reliability/README.md has no line "${marker}"`);
  const cells = [
    ...[new Date().toISOString().slice(0, 10), await commitName(), row.depth, String(row.seed)],
    ...[String(row.runs), row.passed ? '0' : 'violated', `\`${row.command}\``],
  ];
  const longer = text.replace(`\n\n${marker}`, `\n| ${cells.join(' | ')} |\n\n${marker}`);
  const path = fileURLToPath(document);
  await writeFile(document, await format(longer, { ...(await resolveConfig(path)), filepath: path }));
}

/** With a plus when the code was not the commit's. */
async function commitName(): Promise<string> {
  const git = (args: string[]) =>
    runCommand({ command: 'git', args: ['-C', root, ...args], timeoutMs: gitMs });
  const [head, changed] = [
    await git(['rev-parse', '--short', 'HEAD']),
    await git(['status', '--porcelain', '--', 'src', 'sandbox', 'test/reliability', 'migrations']),
  ];
  return `${head.stdout.trim()}${changed.stdout.trim() === '' ? '' : '+'}`;
}
