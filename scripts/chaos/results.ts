import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { runCommand } from '../local/run-command.js';
import type { Findings } from './checker.js';

export interface StepResult {
  readonly number: number;
  readonly target: string;
  readonly point: string | undefined;
  /** From the kill to the next POST of work that was not under way. */
  readonly recoveredMs: number;
  /** Attempts that did not hit the point. */
  readonly missed: number;
}

/** Results of one seed, kept in a file, so that a run can go on. */
export interface Results {
  readonly seed: number;
  readonly steps: readonly StepResult[];
  readonly end: Findings | undefined;
  add(step: StepResult): Promise<void>;
  conclude(end: Findings, faults: readonly string[]): Promise<void>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const gitMs = 5_000;
/** Rows go in above this line, oldest first. */
const marker = '<!-- the next kills go here -->';

/** Reads the results before step `from` of an earlier run with this seed; those after it are forgotten. */
export async function openResults(input: { seed: number; from: number }): Promise<Results> {
  const path = join(root, '.local', 'kills', `${String(input.seed)}.json`);
  const steps = (await readSteps(path)).filter((step) => step.number < input.from);
  let end: Findings | undefined;
  const store = async (): Promise<void> => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${JSON.stringify({ seed: input.seed, steps, end }, undefined, 2)}\n`);
  };
  return {
    seed: input.seed,
    steps,
    get end() {
      return end;
    },
    add: async (step) => {
      steps.push(step);
      await store();
    },
    conclude: async (found, faults) => {
      end = { ...found, faults: [...new Set([...faults, ...found.faults])] };
      await store();
    },
  };
}

async function readSteps(path: string): Promise<StepResult[]> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? [] : (JSON.parse(text) as { steps: StepResult[] }).steps;
}

/** Adds a finished run to the table in docs/reliability/README.md. @throws Error when the document has no place for it */
export async function addToDocument(results: Results): Promise<void> {
  const path = join(root, 'docs', 'reliability.md');
  const text = await readFile(path, 'utf8');
  if (!text.includes(marker)) throw new Error(`${path} has no line "${marker}"`);
  const longer = text.replace(`\n\n${marker}`, `\n${(await renderRows(results)).join('\n')}\n\n${marker}`);
  await writeFile(path, await format(longer, { ...(await resolveConfig(path)), filepath: path }));
}

async function renderRows(results: Results): Promise<string[]> {
  const commit = await runCommand({
    command: 'git',
    args: ['-C', root, 'rev-parse', '--short', 'HEAD'],
    timeoutMs: gitMs,
  });
  const names = new Set(results.steps.map(nameOf));
  return [...names].map((name) => {
    const seconds = results.steps
      .filter((step) => nameOf(step) === name)
      .map((step) => step.recoveredMs / 1_000);
    const { end } = results;
    const cells = [
      ...[new Date().toISOString().slice(0, 10), commit.stdout.trim(), name, String(seconds.length)],
      ...[Math.max(...seconds).toFixed(1), median(seconds).toFixed(1)],
      ...[end?.lost, end?.twice, end?.violations].map((count) => String(count ?? '?')),
      String(results.seed),
    ];
    return `| ${cells.join(' | ')} |`;
  });
}

/** The same for the terminal. */
export function renderResults(results: Results): string {
  const names = new Set(results.steps.map(nameOf));
  const lines = [...names].map((name) => {
    const seconds = results.steps
      .filter((step) => nameOf(step) === name)
      .map((step) => step.recoveredMs / 1_000);
    const worst = Math.max(...seconds).toFixed(1);
    return `${name.padEnd(22)} n ${String(seconds.length).padStart(3)}  median ${median(seconds).toFixed(1)} s  max ${worst} s`;
  });
  return lines.join('\n');
}

function nameOf(step: StepResult): string {
  return step.point === undefined ? step.target : `${step.target}: ${step.point}`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}
