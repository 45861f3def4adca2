import { pointNames } from './points.js';
import { randomTargets } from './targets.js';

export const allTargets = [...randomTargets, 'points', 'zombie'] as const;
export type Target = (typeof allTargets)[number];

export interface KillArguments {
  readonly targets: readonly Target[];
  /** Of each target (of each point); undefined = the full number. */
  readonly count: number | undefined;
  /** Steps before this one are not done again, their results are read from the file of this seed. */
  readonly from: number;
  readonly seed: number;
  readonly keep: boolean;
}

const seedMax = 999_999;

export const help = `npm run chaos                                   all of them, some 45 minutes
npm run chaos -- --targets worker,postgres      some: ${allTargets.join(', ')}
npm run chaos -- --count 3                      that many of each, instead of 30, 10 of each point, 20 zombies
npm run chaos -- --seed 4711 --from 61          goes on where a run ended
npm run chaos -- --keep                         leaves data and logs behind

worker, api, temporal, postgres: kill -9 at a random moment. points: kill -9 of the worker exactly
${pointNames.join(', ')}.
zombie: a worker is frozen past its lease, another one takes over, and it wakes up again.`;

/** @returns the help text when that was asked for @throws Error with one sentence for what is not known */
export function readArguments(given: readonly string[]): KillArguments | string {
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
    throw new Error(`${option} takes a number from 1 to ${String(seedMax)}.`);
  }
  return Number(text);
}
