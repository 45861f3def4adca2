import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { appendResults } from './docs/reliability-results.js';
import type { VerifyStepResult } from './docs/result-types.js';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Step {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const vitest = ['node_modules/vitest/vitest.mjs', 'run'];
const soak = (depth: string, runs: number): Step => ({
  name: `soak-${depth}`,
  args: script(
    'scripts/soak.ts',
    '--depth',
    depth,
    '--runs',
    String(runs),
    '--seed',
    String(seedOfDay()),
    '--dry',
  ),
});

/** Everything that takes too long for `npm test`. */
const allSteps: readonly Step[] = [
  { name: 'chaos-operations', args: script('scripts/chaos.ts', '--targets', 'operations', '--count', '1') },
  {
    name: 'onboarding-process-loss',
    args: [...vitest, '--project', 'e2e', 'test/e2e/sage-banking/onboarding-process-loss.test.ts'],
    env: { ONBOARDING_PROCESS_LOSSES: '12' },
  },
  soak('activity', 300),
  soak('workflow', 100),
  soak('sage', 20),
  { name: 'chaos-kills', args: script('scripts/chaos.ts', '--targets', 'kills', '--count', '3') },
  { name: 'mutation', args: script('scripts/mutation.ts') },
];

const help = `npm run verify                 all of it: ${allSteps.map(({ name }) => name).join(', ')}
npm run verify -- chaos soak   only the steps whose names contain one of the words; the result is not stored`;

/**
 * `npm run verify` runs what takes too long for `npm test`, one step after the other, and adds the result to
 * docs/reliability/results/verify.json. A failed step does not hide the next ones; the exit code is then 1.
 */
async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) return print(help);
  const chosen = allSteps.filter(({ name }) => args.length === 0 || args.some((word) => name.includes(word)));
  if (chosen.length === 0) throw new Error(`No step is named like ${args.join(', ')}.\n${help}`);
  const results: VerifyStepResult[] = [];
  for (const [index, step] of chosen.entries()) {
    print(`\n> ${String(index + 1)}/${String(chosen.length)} ${step.name}`);
    const result = await runStep(step);
    print(`> ${step.name}: ${result.passed ? 'passed' : 'failed'} (${String(result.seconds)} s)`);
    results.push(result);
  }
  const failed = results.filter(({ passed }) => !passed).length;
  if (chosen.length === allSteps.length) {
    const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
    const passed = results.length - failed;
    await appendResults('verify', [{ node: process.version, passed, failed, seconds, steps: results }]);
  }
  print(`\n${String(results.length - failed)} passed, ${String(failed)} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

/** Runs one step, its output going to ours. */
function runStep(step: Step): Promise<VerifyStepResult> {
  const beganMs = performance.now();
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...step.env };
    const child = spawn(process.execPath, step.args, { cwd: root, env, stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => {
      const seconds = Math.round((performance.now() - beganMs) / 1_000);
      resolve({ name: step.name, passed: code === 0, seconds });
    });
  });
}

function script(path: string, ...args: readonly string[]): string[] {
  return ['--import', 'tsx', path, ...args];
}

/** Other plans each day; the date makes a run repeatable. */
function seedOfDay(): number {
  return Number(new Date().toISOString().slice(0, 10).replaceAll('-', ''));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

// Ctrl-C reaches the step by itself; the next ones are not started.
process.on('SIGINT', () => process.exit(130));

await main(process.argv.slice(2));
