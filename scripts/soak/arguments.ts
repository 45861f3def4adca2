import { parseArgs } from 'node:util';

export const depths = ['activity', 'workflow', 'sage'] as const;
export type Depth = (typeof depths)[number];

export interface SoakArguments {
  readonly depth: Depth;
  /** Up to this run, counted from 0. */
  readonly runs: number;
  /** Go on from this run: a multiple of the stretch. */
  readonly from: number;
  readonly seed: number;
  /** Only this failing example of the seed, once. */
  readonly path: string | undefined;
  /** Add nothing to docs/reliability/results. */
  readonly dry: boolean;
}

/** One test process with a fresh database each: tables do not grow without end, and little is lost on Ctrl-C. */
export const stretchRuns: Readonly<Record<Depth, number>> = { activity: 500, workflow: 50, sage: 50 };
const runsOfDepth: Readonly<Record<Depth, number>> = { activity: 10_000, workflow: 1_000, sage: 300 };
const runsMax = 10_000_000;
const seedMax = 0x7fff_ffff;

export const helpText = `npm run soak                                 10,000 runs of the deliver activity
npm run soak -- --depth workflow             1,000 runs of the real workflows
npm run soak -- --depth sage                 300 runs of the channel of Sage's Banking Service
  --runs N    so many       --from N   go on from run N, as the last line said
  --seed N    1 by default  --path P   replay one failing example, as it was printed
  --dry       add nothing to docs/reliability/results`;

/** @throws Error with a sentence for arguments that mean nothing */
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
  if (from % stretchRuns[depth] !== 0) throw new Error(`--from must be a multiple of ${stretchRuns[depth]}`);
  const { path, dry } = values;
  if (path !== undefined && !/^\d+(:\d+)*$/.test(path)) throw new Error('--path must be numbers with colons');
  return { depth, runs, from, seed: wholeNumber('seed', values.seed, seedMax), path, dry };
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > max) throw new Error(`--${name} must be a whole number up to ${max}`);
  return value;
}
