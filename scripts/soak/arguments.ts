import { parseArgs } from 'node:util';

export const depths = ['activity', 'workflow', 'sage'] as const;
export type Depth = (typeof depths)[number];

export interface SoakArguments {
  readonly depth: Depth;
  /** The number of runs. */
  readonly runs: number;
  /** The first run, a multiple of the chunk size. */
  readonly from: number;
  readonly seed: number;
  /** Only this failing example of the seed, once. */
  readonly path: string | undefined;
  /** Do not write to docs/reliability/results. */
  readonly dry: boolean;
}

/** Runs per test process: each has a new database, so tables stay small and Ctrl-C loses little. */
export const chunkRuns: Readonly<Record<Depth, number>> = { activity: 500, workflow: 50, sage: 50 };
const runsOfDepth: Readonly<Record<Depth, number>> = { activity: 10_000, workflow: 1_000, sage: 300 };
const runsMax = 10_000_000;
const seedMax = 0x7fff_ffff;

export const helpText = `npm run soak                                 10,000 runs of the delivery activity
npm run soak -- --depth workflow             1,000 runs of the real workflows
npm run soak -- --depth sage                 300 runs of the sage-banking channel
  --runs N    number of runs  --from N   continue from run N, as printed at the end
  --seed N    default 1       --path P   replay one failing example, as printed
  --dry       do not write to docs/reliability/results`;

/** @throws Error with one sentence for an invalid argument */
export function readArguments(args: string[]): SoakArguments {
  const { values } = parseArgs({
    args,
    options: {
      depth: { type: 'string', default: 'activity' },
      runs: { type: 'string' },
      from: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
      path: { type: 'string' },
      dry: { type: 'boolean', default: false },
    },
  });
  const depth = depths.find((known) => known === values.depth);
  if (depth === undefined) throw new Error(`--depth must be one of ${depths.join(', ')}`);
  const runs = values.runs === undefined ? runsOfDepth[depth] : wholeNumber('runs', values.runs, runsMax);
  const from = wholeNumber('from', values.from, runsMax);
  if (from % chunkRuns[depth] !== 0) throw new Error(`--from must be a multiple of ${chunkRuns[depth]}`);
  const { path, dry } = values;
  if (path !== undefined && !/^\d+(:\d+)*$/.test(path)) throw new Error('--path must be numbers with colons');
  return { depth, runs, from, seed: wholeNumber('seed', values.seed, seedMax), path, dry };
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > max) throw new Error(`--${name} must be a whole number up to ${max}`);
  return value;
}
