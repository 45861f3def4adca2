import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { appendResults } from '../docs/reliability-results.js';
import { median } from '../../bench/statistics.js';
import type { Findings } from './checker.js';

export interface StepResult {
  readonly number: number;
  readonly target: string;
  readonly point: string | undefined;
  /** From the kill to the next POST of new work. */
  readonly recoveredMs: number;
  /** Attempts that did not hit the point. */
  readonly missed: number;
}

/** Results of one seed, stored in a file, so that an interrupted run can continue. */
export interface Results {
  readonly seed: number;
  readonly steps: readonly StepResult[];
  readonly end: Findings | undefined;
  add(step: StepResult): Promise<void>;
  conclude(end: Findings, faults: readonly string[]): Promise<void>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Reads the results of an earlier run with this seed, up to step `from`; later ones are discarded. */
export async function openResults(input: { seed: number; from: number }): Promise<Results> {
  const path = join(root, '.local', 'chaos', `${String(input.seed)}.json`);
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

/** Adds a finished run to docs/reliability/results/chaos.json, one result per target. */
export async function recordResults(results: Results): Promise<void> {
  const names = new Set(results.steps.map(nameOf));
  const rows = [...names].map((target) => {
    const seconds = results.steps
      .filter((step) => nameOf(step) === target)
      .map((step) => step.recoveredMs / 1_000);
    return {
      target,
      count: seconds.length,
      maxSeconds: tenths(Math.max(...seconds)),
      medianSeconds: tenths(median(seconds)),
      lost: results.end?.lost ?? null,
      duplicated: results.end?.twice ?? null,
      violations: results.end?.violations ?? null,
      seed: results.seed,
    };
  });
  await appendResults('chaos', rows);
}

function tenths(seconds: number): number {
  return Math.round(seconds * 10) / 10;
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
