import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closingLine, countReport, noCounts } from './test-counts.js';
import type { Counts } from './test-counts.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Step {
  name: string;
  args: string[];
}

/** Everything besides the tests, cheapest to repair first. Each counts as one in the closing line. */
const STEPS: Step[] = [
  { name: 'format', args: ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'] },
  { name: 'lint', args: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0'] },
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '--noEmit'] },
  { name: 'workflow bundle', args: ['--import', 'tsx', 'scripts/build-workflow-bundle.ts'] },
  { name: 'lockfile', args: ['--import', 'tsx', 'scripts/check-lockfile.ts'] },
];

const QUICK_PROJECTS = ['unit', 'replay'];

/**
 * `npm test` runs every step and every test; `npm run check` (`--quick`) the steps and the tests that need no server;
 * `npm test -- test/api/feeds.test.ts` only the named tests. A failed step does not hide the next ones. Ends with one
 * line of counts, and with a code other than 0 when anything failed or nothing was tested.
 */
async function main(args: string[]): Promise<void> {
  const quick = args.includes('--quick');
  const filters = args.filter((argument) => argument !== '--quick');
  const counts = noCounts();
  for (const step of filters.length === 0 ? STEPS : []) {
    process.stdout.write(`\n> ${step.name}\n`);
    const passed = (await run(step.args)) === 0;
    if (!passed) process.stdout.write(`${step.name} failed\n`);
    counts[passed ? 'passed' : 'failed'] += 1;
  }
  const tests = await runTests(quick, filters);
  for (const key of ['passed', 'failed', 'skipped'] as const) counts[key] += tests[key];
  process.stdout.write(`\n${closingLine(counts)}\n`);
  process.exitCode = counts.failed > 0 || tests.passed === 0 ? 1 : 0;
}

async function runTests(quick: boolean, filters: string[]): Promise<Counts> {
  process.stdout.write(`\n> tests\n`);
  const folder = await mkdtemp(join(tmpdir(), 'bankfeeds-test-'));
  try {
    const report = join(folder, 'report.json');
    const code = await run([
      'node_modules/vitest/vitest.mjs',
      'run',
      ...(quick ? QUICK_PROJECTS.flatMap((name) => ['--project', name]) : []),
      ...['--reporter', 'default', '--reporter', 'json', '--outputFile.json', report],
      ...filters,
    ]);
    const text = await readFile(report, 'utf8').catch(() => undefined);
    return countReport(text, code);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs Node with these arguments, its output streaming to ours; its code, or 1 when a signal ended it. */
function run(args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
    // Vitest ends its servers on SIGINT only; an impatient supervisor sends SIGTERM.
    const stop = (): void => void child.kill('SIGINT');
    process.on('SIGTERM', stop);
    // Ctrl-C reaches the child by itself; we stay to print the closing line.
    const wait = (): void => undefined;
    process.on('SIGINT', wait);
    child.once('error', reject);
    child.once('exit', (code) => {
      process.off('SIGTERM', stop);
      process.off('SIGINT', wait);
      resolve(code ?? 1);
    });
  });
}

await main(process.argv.slice(2));
