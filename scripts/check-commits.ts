// npm run commits: checks that commit messages follow Conventional Commits (https://www.conventionalcommits.org).
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { messageProblem } from './commit-message.js';
import { runCommand } from './local/run-command.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Holds the last commit that is not checked. */
const baseFile = new URL('../.ci/commits-base', import.meta.url);
const gitMs = 30_000;

/** Checks the commits after the base. A shallow clone without the base holds only newer commits: all are checked. */
async function main(): Promise<void> {
  if ((await git(['rev-parse', '--git-dir'])) === undefined)
    return print('no git repository: nothing to check');
  const base = (await readFile(baseFile, 'utf8')).trim();
  const known = (await git(['merge-base', '--is-ancestor', base, 'HEAD'])) !== undefined;
  const log = await git(['log', '--no-merges', '--format=%h%x09%s', ...(known ? [`${base}..HEAD`] : [])]);
  if (log === undefined) throw new Error('git log failed');
  const lines = log.split('\n').filter(Boolean);
  const bad = lines.flatMap((line) => {
    const [hash = '', subject = ''] = line.split('\t');
    const problem = messageProblem(subject);
    return problem === undefined ? [] : [`${hash} ${subject}\n  ${problem}`];
  });
  print([...bad, `${String(lines.length)} commits checked, ${String(bad.length)} bad`].join('\n'));
  if (bad.length > 0) process.exitCode = 1;
}

/** What git printed; undefined when it failed. */
async function git(args: string[]): Promise<string | undefined> {
  const { code, stdout } = await runCommand({ command: 'git', args, timeoutMs: gitMs, cwd: root });
  return code === 0 ? stdout : undefined;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

await main();
