import { pointNames } from './points.js';
import { randomTargets } from './targets.js';

export const allTargets = [...randomTargets, 'points', 'zombie'] as const;
export type Target = (typeof allTargets)[number];

export interface ChaosArguments {
  readonly targets: readonly Target[];
  /** Steps per target (per point); undefined: the full number. */
  readonly count: number | undefined;
  /** The first step to run; the results of earlier ones are read from the file of this seed. */
  readonly from: number;
  readonly seed: number;
  readonly keep: boolean;
}

const seedMax = 999_999;

export const help = `npm run chaos                                   all targets, about 45 minutes
npm run chaos -- --targets worker,postgres      some targets: ${allTargets.join(', ')}
npm run chaos -- --count 3                      steps per target, instead of 30 per part, 10 per point, 20 zombies
npm run chaos -- --seed 4711 --from 61          continues a run
npm run chaos -- --keep                         keeps data and logs

worker, api, temporal, postgres: kill -9 at a random moment. points: kill -9 of the worker exactly
${pointNames.join(', ')}.
zombie: a worker is stopped (SIGSTOP) until its lease has expired and another one has taken over, then continued.`;

/** @returns the help text for --help @throws Error with one sentence for an unknown or invalid option */
export function readArguments(given: readonly string[]): ChaosArguments | string {
  let targets: readonly Target[] = allTargets;
  let count: number | undefined;
  let from = 1;
  let seed = Math.floor(Math.random() * seedMax) + 1;
  let keep = false;
  const rest = [...given];
  for (let option = rest.shift(); option !== undefined; option = rest.shift()) {
    if (option === '--help' || option === '-h') return help;
    if (option === '--targets') targets = readTargets(rest.shift() ?? '');
    else if (option === '--count') count = readNumber(option, rest.shift());
    else if (option === '--from') from = readNumber(option, rest.shift());
    else if (option === '--seed') seed = readNumber(option, rest.shift());
    else if (option === '--keep') keep = true;
    else throw new Error(`Unknown option ${option}: see npm run chaos -- --help.`);
  }
  return { targets, count, from, seed, keep };
}

function readTargets(text: string): Target[] {
  return text.split(',').map((name) => {
    const target = allTargets.find((known) => known === name);
    if (target === undefined)
      throw new Error(`No target ${JSON.stringify(name)}: there are ${allTargets.join(', ')}.`);
    return target;
  });
}

function readNumber(option: string, text: string | undefined): number {
  if (text === undefined || !/^[1-9]\d{0,5}$/.test(text)) {
    throw new Error(`${option} needs a number from 1 to ${String(seedMax)}.`);
  }
  return Number(text);
}
