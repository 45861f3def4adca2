import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pLimit from 'p-limit';
import { closingLine, countReport, noCounts, projectTable } from './test-counts.js';
import type { Counts } from './test-counts.js';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Step {
  name: string;
  args: string[];
}

/** Everything besides the tests, the longest first. Each counts as one in the closing line. */
const checkSteps: Step[] = [
  // Before the others: the tests find it built.
  { name: 'workflow bundle', args: ['--import', 'tsx', 'scripts/build-workflow-bundle.ts'] },
  { name: 'lint', args: ['node_modules/oxlint/bin/oxlint', '--deny-warnings'] },
  {
    name: 'types',
    args: [
      'node_modules/typescript/bin/tsc',
      '--noEmit',
      '--incremental',
      '--tsBuildInfoFile',
      'node_modules/.cache/types.tsbuildinfo',
    ],
  },
  { name: 'format', args: ['node_modules/oxfmt/bin/oxfmt', '--check'] },
  { name: 'commit messages', args: ['--import', 'tsx', 'scripts/check-commits.ts'] },
  { name: 'lockfile', args: ['--import', 'tsx', 'scripts/check-lockfile.ts'] },
];

/** One for each of the two cores that we promise to need. */
const stepsAtOnce = 2;

const quickProjects = ['unit', 'replay'];
/** Runs in `npm run verify` only. */
const longProject = 'verify';

/**
 * `npm test` runs every step and every test but those of `verify`; `npm run check` (`--quick`) the steps and the tests
 * that need no server; `npm test -- test/api/feeds.test.ts` only the named tests. Steps run beside each other and print
 * when they end. A failed step does not hide the next ones. Ends with one line of counts, and with a code other than 0
 * when anything failed or nothing was tested.
 */
async function main(args: string[]): Promise<void> {
  const quick = args.includes('--quick');
  const filters = args.filter((argument) => argument !== '--quick');
  const counts = noCounts();
  const limit = pLimit(stepsAtOnce);
  const steps = (filters.length === 0 ? checkSteps : []).map((step) =>
    limit(async () => {
      counts[(await runStep(step)) ? 'passed' : 'failed'] += 1;
    }),
  );
  const [tests] = await Promise.all([limit(() => runTests(quick, filters)), ...steps]);
  for (const key of ['passed', 'failed', 'skipped'] as const) counts[key] += tests[key];
  print(`\n${closingLine(counts)}`);
  process.exitCode = counts.failed > 0 || tests.passed === 0 ? 1 : 0;
}

/** Prints what the step printed and how long it took, in one piece. @returns whether it passed */
async function runStep(step: Step): Promise<boolean> {
  const beganMs = performance.now();
  const { code, output } = await run(step.args, 'keep');
  const seconds = ((performance.now() - beganMs) / 1_000).toFixed(0);
  print(`\n> ${step.name}: ${code === 0 ? 'passed' : 'failed'} (${seconds} s)\n${output}`.trimEnd());
  return code === 0;
}

async function runTests(quick: boolean, filters: string[]): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), 'bankfeeds-test-'));
  try {
    const report = join(folder, 'report.json');
    const { code } = await run(
      [
        'node_modules/vitest/vitest.mjs',
        'run',
        ...projectArguments(quick, filters),
        ...['--reporter', 'default', '--reporter', 'json', '--outputFile.json', report],
        ...filters,
      ],
      'print',
    );
    const text = await readFile(report, 'utf8').catch(() => undefined);
    print(`\n${projectTable(text).join('\n')}`);
    return countReport(text, code);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function projectArguments(quick: boolean, filters: string[]): string[] {
  if (quick) return quickProjects.flatMap((name) => ['--project', name]);
  // Who names a file wants it, whatever its project.
  return filters.length > 0 ? [] : ['--project', `!${longProject}`];
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

const running = new Set<ChildProcess>();
// Vitest ends its servers on SIGINT only; an impatient supervisor sends SIGTERM.
process.on('SIGTERM', () => {
  for (const child of running) child.kill('SIGINT');
});
// Ctrl-C reaches the children by itself; we stay to print the closing line.
process.on('SIGINT', () => undefined);

/** Runs Node with these arguments; its code, or 1 when a signal ended it, and what it printed if that is kept. */
function run(args: string[], printed: 'print' | 'keep'): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const stdio: StdioOptions = printed === 'print' ? 'inherit' : ['ignore', 'pipe', 'pipe'];
    const child = spawn(process.execPath, args, { cwd: root, stdio });
    running.add(child);
    const parts: Buffer[] = [];
    child.stdout?.on('data', (part: Buffer) => parts.push(part));
    child.stderr?.on('data', (part: Buffer) => parts.push(part));
    child.once('error', reject);
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code: code ?? 1, output: Buffer.concat(parts).toString('utf8') });
    });
  });
}

await main(process.argv.slice(2));
