/** One finished stretch of seeded runs. */
export interface SoakResult {
  readonly date: string;
  readonly commit: string;
  readonly depth: string;
  readonly seed: number;
  readonly runs: number;
  /** Runs that broke an invariant. The first one ends a stretch. */
  readonly violations: number;
  /** Replays the failing example; absent when there was none. */
  readonly replay?: string;
}

/** The steps against one target (or one point of a batch) in one run of the chaos test. */
export interface ChaosResult {
  readonly date: string;
  readonly commit: string;
  readonly target: string;
  readonly count: number;
  /** From the kill to the next POST of new work. */
  readonly maxSeconds: number;
  readonly medianSeconds: number;
  /** At the end of the run; null when the run did not reach its end. */
  readonly lost: number | null;
  readonly duplicated: number | null;
  readonly violations: number | null;
  readonly seed: number;
}

/** The runs of one test file of `test/verify` as a target of the chaos test. */
export interface OperationsResult {
  readonly date: string;
  readonly commit: string;
  readonly target: string;
  readonly runs: number;
  /** Runs in which a test failed. */
  readonly failed: number;
  /** Of a whole run. */
  readonly maxSeconds: number;
  readonly medianSeconds: number;
}

/** One complete run of the mutation tests. */
export interface MutationRunResult {
  readonly date: string;
  readonly commit: string;
  readonly mutations: number;
  readonly killed: number;
  readonly seconds: number;
}

export interface VerifyStepResult {
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
}

/** One complete run of `npm run verify`. */
export interface VerifyResult {
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  /** Steps. */
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  readonly steps: readonly VerifyStepResult[];
}

export interface ReliabilityResults {
  readonly soak: readonly SoakResult[];
  readonly chaos: readonly ChaosResult[];
  readonly operations: readonly OperationsResult[];
  readonly mutation: readonly MutationRunResult[];
  readonly verify: readonly VerifyResult[];
}
