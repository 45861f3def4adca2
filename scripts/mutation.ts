import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { appendResults } from './docs/reliability-results.js';
import { runCommand } from './local/run-command.js';
import { readMutations, type Mutation } from './mutation/read-mutations.js';
import { mutationTable, type MutationResult } from './mutation/mutation-table.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** A mutation may make a test hang: then the test has failed after this time. */
const testTimeoutMs = 5 * 60_000;
const patchTimeoutMs = 30_000;

/**
 * `npm run mutation` applies each patch of test/mutation to a copy of the tree, runs the test that the patch names, and
 * shows whether the test kills the mutation. The test must pass without the patch; otherwise its failure proves nothing.
 * `npm run mutation -- float lease` runs only the patches whose file name contains one of the arguments; `--json` prints
 * one object per line. The exit code is not 0 if a mutation survives or does not apply, or if its test fails without it.
 */
async function main(args: string[]): Promise<void> {
  const json = args.includes('--json');
  const names = args.filter((argument) => !argument.startsWith('--'));
  const all = await readMutations(join(root, 'test/mutation'));
  const chosen = all.filter(
    (mutation) => names.length === 0 || names.some((name) => mutation.file.includes(name)),
  );
  if (chosen.length === 0) throw new Error(`no mutation matches: ${names.join(', ')}`);
  const copy = await copyTree();
  const results: MutationResult[] = [];
  try {
    for (const [index, mutation] of chosen.entries()) {
      if (!json) process.stdout.write(`${index + 1}/${chosen.length} ${mutation.title} … `);
      const result = await check(copy, mutation);
      results.push(result);
      process.stdout.write(json ? `${JSON.stringify({ ...mutation, ...result })}\n` : `${result.outcome}\n`);
    }
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
  if (!json) process.stdout.write(`\n${mutationTable(results)}\n`);
  if (chosen.length === all.length) await recordRun(results);
  process.exitCode = results.every((result) => result.outcome === 'killed') ? 0 : 1;
}

/** Adds a complete run to docs/reliability/results/mutation.json. */
async function recordRun(results: readonly MutationResult[]): Promise<void> {
  const killed = results.filter(({ outcome }) => outcome === 'killed').length;
  const seconds = Math.round(results.reduce((sum, result) => sum + result.seconds, 0));
  await appendResults('mutation', [{ mutations: results.length, killed, seconds }]);
}

/** Copies the files that git tracks, with uncommitted changes, and links the installed packages. */
async function copyTree(): Promise<string> {
  const listed = await runCommand({
    command: 'git',
    args: ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    timeoutMs: patchTimeoutMs,
    cwd: root,
  });
  if (listed.code !== 0) throw new Error(`git ls-files: ${listed.stderr}`);
  const copy = await mkdtemp(join(tmpdir(), 'bankfeeds-mutations-'));
  for (const file of listed.stdout.split('\0').filter(Boolean)) {
    // Deleted, but not yet in git's index.
    if (!existsSync(join(root, file))) continue;
    await cp(join(root, file), join(copy, file));
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

async function check(copy: string, mutation: Mutation): Promise<MutationResult> {
  const beganMs = Date.now();
  const outcome = await applyAndTest(copy, mutation);
  return { mutation, outcome, seconds: (Date.now() - beganMs) / 1_000 };
}

async function applyAndTest(copy: string, mutation: Mutation): Promise<MutationResult['outcome']> {
  if ((await runNamedTest(copy, mutation)) !== 'passed') return 'test fails without it';
  if (!(await applyPatch(copy, mutation, []))) return 'does not apply';
  try {
    const result = await runNamedTest(copy, mutation);
    return result === 'failed' ? 'killed' : result === 'passed' ? 'survived' : 'test did not run';
  } finally {
    if (!(await applyPatch(copy, mutation, ['--reverse'])))
      throw new Error(`${mutation.file} cannot be reversed`);
  }
}

async function applyPatch(copy: string, mutation: Mutation, options: string[]): Promise<boolean> {
  const patch = join(root, 'test/mutation', mutation.file);
  const args = ['apply', '--whitespace=nowarn', ...options, patch];
  // Not inside a repository, so that git applies the patch to the copy's files.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(copy) };
  return (await runCommand({ command: 'git', args, timeoutMs: patchTimeoutMs, cwd: copy, env })).code === 0;
}

interface Report {
  numPassedTests: number;
  numFailedTests: number;
}

/** `none` if no test ran: no test has the name, or the file does not load. */
async function runNamedTest(copy: string, mutation: Mutation): Promise<'passed' | 'failed' | 'none'> {
  const folder = await mkdtemp(join(tmpdir(), 'bankfeeds-mutation-'));
  const report = join(folder, 'report.json');
  try {
    await runVitest(copy, [mutation.test, '-t', mutation.name, '--reporter', 'json', '--outputFile', report]);
    const text = await readFile(report, 'utf8').catch(() => '{}');
    const { numPassedTests = 0, numFailedTests = 0 } = JSON.parse(text) as Partial<Report>;
    if (numFailedTests > 0) return 'failed';
    return numPassedTests > 0 ? 'passed' : 'none';
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A test that hangs is stopped with SIGINT, since Vitest stops its servers only on that signal. */
function runVitest(copy: string, args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...args], {
      cwd: copy,
      stdio: 'ignore',
    });
    const timer = setTimeout(() => void child.kill('SIGINT'), testTimeoutMs);
    child.once('error', reject);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

await main(process.argv.slice(2));
