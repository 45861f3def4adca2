import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../local/run-command.js';
import type { ReliabilityResults } from './result-types.js';
import { renderResultsDocument } from './render-results.js';
import { writeFormatted } from './write-formatted.js';

type Kind = keyof ReliabilityResults;
/** Date and commit are added by `appendResults`. */
type Unstamped<K extends Kind> = Omit<ReliabilityResults[K][number], 'date' | 'commit'>;

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = `${root}docs/reliability`;
const gitMs = 10_000;

/** The stored results, oldest first. */
export async function readResults(): Promise<ReliabilityResults> {
  return {
    soak: await readKind('soak'),
    chaos: await readKind('chaos'),
    operations: await readKind('operations'),
    mutation: await readKind('mutation'),
    verify: await readKind('verify'),
  };
}

/** Adds results of the current commit to `docs/reliability/results/<kind>.json` and renders `results.md` again. */
export async function appendResults<K extends Kind>(kind: K, added: readonly Unstamped<K>[]): Promise<void> {
  const stamp = { date: new Date().toISOString().slice(0, 10), commit: await commitName() };
  const results = [...(await readKind(kind)), ...added.map((result) => ({ ...stamp, ...result }))];
  const oneALine = results.map((result) => `  ${JSON.stringify(result)}`).join(',\n');
  await writeFile(fileOf(kind), `[\n${oneALine}\n]\n`);
  await writeResultsDocument();
}

/** Renders `docs/reliability/results.md` from the stored results. */
export async function writeResultsDocument(): Promise<void> {
  await writeFormatted(`${folder}/results.md`, renderResultsDocument(await readResults()));
}

function fileOf(kind: Kind): string {
  return `${folder}/results/${kind}.json`;
}

async function readKind<K extends Kind>(kind: K): Promise<ReliabilityResults[K]> {
  return JSON.parse(await readFile(fileOf(kind), 'utf8')) as ReliabilityResults[K];
}

/** The short hash, with a plus when the tested files differ from the commit. */
async function commitName(): Promise<string> {
  const git = (args: string[]) =>
    runCommand({ command: 'git', args: ['-C', root, ...args], timeoutMs: gitMs });
  const [head, changed] = [
    await git(['rev-parse', '--short', 'HEAD']),
    await git(['status', '--porcelain', '--', 'src', 'sandbox', 'test/reliability', 'migrations']),
  ];
  return `${head.stdout.trim()}${changed.stdout.trim() === '' ? '' : '+'}`;
}
