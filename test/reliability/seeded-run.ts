import { appendFile } from 'node:fs/promises';
import fc from 'fast-check';

/*
 * Which runs a test process makes. `npm test` makes a few: those of a fixed seed, so that a change which breaks one is
 * the change that is tested, and those of the seed of the day, so that many plans are tried over time. The environment
 * variables are set by scripts/soak.ts, which makes as many runs as it is asked for.
 */

/** What one run found and did. */
export interface RunReport {
  /** One sentence each, beginning with the invariant; empty when all invariants held. */
  readonly violations: readonly string[];
  /** How often the run exercised what, by name. */
  readonly exercised: Readonly<Record<string, number>>;
}

export type Depth = 'activity' | 'workflow' | 'sage';

export interface SeededRuns {
  readonly seed: number;
  readonly runs: number;
  /** The path of a failing example as it was printed: only this example is run. */
  readonly path: string | undefined;
}

const fixedSeed = 2_611;

/** The runs of one test process: in `npm test` two sets, in a soak one. */
export function readSeededRuns(input: { fixedRuns: number; dayRuns: number }): SeededRuns[] {
  const { SOAK_SEED, SOAK_RUNS, SOAK_PATH } = process.env;
  if (SOAK_SEED !== undefined) {
    const runs = SOAK_PATH === undefined ? Number(SOAK_RUNS ?? input.fixedRuns) : 1;
    return [{ seed: Number(SOAK_SEED), runs, path: SOAK_PATH }];
  }
  return [
    { seed: fixedSeed, runs: input.fixedRuns, path: undefined },
    { seed: seedOfDay(new Date()), runs: input.dayRuns, path: undefined },
  ];
}

/** The date in UTC as a number: 20261130. */
function seedOfDay(now: Date): number {
  return Number(now.toISOString().slice(0, 10).replaceAll('-', ''));
}

/** The command that runs a failing, shrunk example again. */
export function replayCommand(input: { depth: Depth; seed: number; path: string }): string {
  return `npm run soak -- --depth ${input.depth} --seed ${String(input.seed)} --path ${input.path}`;
}

/** Sums of what the runs exercised; the soak test reads them. */
export class RunTally {
  readonly #sums = new Map<string, number>();
  runs = 0;

  add(exercised: Readonly<Record<string, number>>): void {
    this.runs += 1;
    for (const [name, count] of Object.entries(exercised))
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + count);
  }

  sums(): Record<string, number> {
    return Object.fromEntries([...this.#sums].sort(([left], [right]) => left.localeCompare(right)));
  }
}

interface SeededRunInput<Plan> {
  readonly depth: Depth;
  readonly plans: fc.Arbitrary<Plan>;
  readonly run: (plan: Plan) => Promise<RunReport>;
  readonly tally: RunTally;
  /** The highest mean duration of a run. */
  readonly runMaxMs?: number;
  /** Time limit for finding a smaller failing plan. */
  readonly shrinkingMaxMs?: number;
}

/**
 * Runs a property over seeded plans, one set after the other, and checks that every run was made.
 * @throws Error with the violations, the smallest plan and the command to replay it
 */
export async function runSeeded<Plan>(
  input: SeededRunInput<Plan> & { readonly sets: readonly SeededRuns[] },
): Promise<void> {
  for (const runs of input.sets) await runSet(input, runs);
  const planned = input.sets.reduce((sum, { runs }) => sum + runs, 0);
  if (input.tally.runs !== planned)
    throw new Error(`${String(input.tally.runs)} of ${String(planned)} runs were made`);
}

async function runSet<Plan>(input: SeededRunInput<Plan>, runs: SeededRuns): Promise<void> {
  const { depth, tally, runMaxMs = defaultRunMaxMs, shrinkingMaxMs = defaultShrinkingMaxMs } = input;
  let failedAtMs: number | null = null;
  const property = fc.asyncProperty(input.plans, async (plan) => {
    // A run of shrinking costs as much as any other: after the limit no smaller plan is tried.
    if (failedAtMs !== null && performance.now() - failedAtMs > shrinkingMaxMs) return;
    const report = await input.run(plan);
    tally.add(report.exercised);
    await recordProgress(tally);
    if (report.violations.length === 0) return;
    failedAtMs ??= performance.now();
    throw new InvariantViolated(report.violations.join('\n'));
  });
  const details = await fc.check(property, {
    seed: runs.seed,
    numRuns: runs.runs,
    // Runs that were not made prove nothing. The plugin that replaces these options throws when it interrupts, and so
    // leaves no seed and path to replay.
    /* oxlint-disable typescript/no-deprecated */
    interruptAfterTimeLimit: shrinkingMaxMs + runs.runs * runMaxMs,
    markInterruptAsFailure: true,
    /* oxlint-enable typescript/no-deprecated */
    ...(runs.path === undefined ? {} : { path: runs.path, endOnFailure: true }),
  });
  if (!details.failed) return;
  const { counterexamplePath, counterexample, errorInstance } = details;
  const error = describeError(errorInstance);
  const replay = replayCommand({ depth, seed: details.seed, path: counterexamplePath ?? '0' });
  const plan = JSON.stringify(counterexample?.[0], null, 1);
  throw new Error(`after ${String(details.numRuns)} runs:\n${error}\n\nreplay: ${replay}\n\n${plan}`);
}

/** What the checker found; any other error is a failure of the simulation itself. */
class InvariantViolated extends Error {}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return 'interrupted';
  return error instanceof InvariantViolated ? error.message : (error.stack ?? error.message);
}

const defaultShrinkingMaxMs = 120_000;
const defaultRunMaxMs = 2_000;
const progressEveryRuns = 25;

/** Appends a line for the soak that shows the progress of a stretch. */
async function recordProgress(tally: RunTally): Promise<void> {
  const { SOAK_PROGRESS } = process.env;
  if (SOAK_PROGRESS === undefined || tally.runs % progressEveryRuns !== 0) return;
  await appendFile(SOAK_PROGRESS, `${JSON.stringify({ runs: tally.runs, sums: tally.sums() })}\n`);
}
