import { appendFile } from 'node:fs/promises';
import fc from 'fast-check';

/*
 * How many runs, from which seed: few in CI, as many as one likes in a soak. The environment is that of the one test
 * process that scripts/soak.ts starts for a stretch. CI draws the same plans each time, so that a change which turns it
 * red is the one that broke it; soaks draw others.
 */

export type Depth = 'activity' | 'workflow' | 'sage';

export interface SeededRuns {
  readonly seed: number;
  readonly runs: number;
  /** Of a failing example, as it was printed: only that one is run again. */
  readonly path: string | undefined;
}

const seedOfCi = 2_611;

export function readSeededRuns(input: { runsInCi: number }): SeededRuns {
  const { SOAK_SEED, SOAK_RUNS, SOAK_PATH } = process.env;
  return {
    seed: SOAK_SEED === undefined ? seedOfCi : Number(SOAK_SEED),
    runs: SOAK_RUNS === undefined ? input.runsInCi : Number(SOAK_RUNS),
    path: SOAK_PATH,
  };
}

/** The one command that runs a failing example again, shrunk as it is. */
export function replayCommand(input: { depth: Depth; seed: number; path: string }): string {
  return `npm run soak -- --depth ${input.depth} --seed ${String(input.seed)} --path ${input.path}`;
}

/** Sums of what the runs have exercised; a soak reads them. */
export class RunTally {
  readonly #sums = new Map<string, number>();
  runs = 0;

  add(seen: Readonly<Record<string, number>>): void {
    this.runs += 1;
    for (const [name, count] of Object.entries(seen))
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + count);
  }

  sums(): Record<string, number> {
    return Object.fromEntries([...this.#sums].sort(([left], [right]) => left.localeCompare(right)));
  }
}

/** Runs a property over seeded plans. @throws Error with the breaches, the smallest plan and the command to replay it */
export async function runSeeded<Plan>(input: {
  depth: Depth;
  runs: SeededRuns;
  plans: fc.Arbitrary<Plan>;
  run: (plan: Plan) => Promise<{ breaches: readonly string[]; seen: Readonly<Record<string, number>> }>;
  tally: RunTally;
  /** What a run takes at most on the average. */
  runMaxMs?: number;
  /** For finding the smallest plan. */
  shrinkingMaxMs?: number;
}): Promise<void> {
  const { depth, runs, tally, runMaxMs = defaultRunMaxMs, shrinkingMaxMs = defaultShrinkingMaxMs } = input;
  let failedAtMs: number | null = null;
  const property = fc.asyncProperty(input.plans, async (plan) => {
    // Each run of shrinking costs as much as any other: past its time no smaller plan is tried.
    if (failedAtMs !== null && performance.now() - failedAtMs > shrinkingMaxMs) return;
    const report = await input.run(plan);
    tally.add(report.seen);
    await tellProgress(tally);
    if (report.breaches.length === 0) return;
    failedAtMs ??= performance.now();
    throw new Breach(report.breaches.join('\n'));
  });
  const details = await fc.check(property, {
    seed: runs.seed,
    numRuns: runs.path === undefined ? runs.runs : 1,
    interruptAfterTimeLimit: shrinkingMaxMs + runs.runs * runMaxMs,
    // Runs that were not made have shown nothing.
    markInterruptAsFailure: true,
    ...(runs.path === undefined ? {} : { path: runs.path, endOnFailure: true }),
  });
  if (!details.failed) return;
  const { counterexamplePath, counterexample, errorInstance } = details;
  const error = wordsOf(errorInstance);
  const replay = replayCommand({ depth, seed: details.seed, path: counterexamplePath ?? '0' });
  const plan = JSON.stringify(counterexample?.[0], null, 1);
  throw new Error(`after ${String(details.numRuns)} runs:\n${error}\n\nreplay: ${replay}\n\n${plan}`);
}

/** What the checker found; any other error is one of the simulation's own. */
class Breach extends Error {}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return 'interrupted';
  return error instanceof Breach ? error.message : (error.stack ?? error.message);
}

const defaultShrinkingMaxMs = 120_000;
const defaultRunMaxMs = 2_000;
const progressEveryRuns = 25;

/** A line for whoever watches a long stretch. */
async function tellProgress(tally: RunTally): Promise<void> {
  const { SOAK_PROGRESS } = process.env;
  if (SOAK_PROGRESS === undefined || tally.runs % progressEveryRuns !== 0) return;
  await appendFile(SOAK_PROGRESS, `${JSON.stringify({ runs: tally.runs, sums: tally.sums() })}\n`);
}
