import { pointNames } from './points.js';
import { randomTargets } from './targets.js';
import { testTargets, type TestTarget } from './test-targets.js';

/** The targets of one long run in which parts are killed or stopped. */
export const killTargets = [...randomTargets, 'points', 'zombie'] as const;
export type KillTarget = (typeof killTargets)[number];

/** On the command line: all targets of one kind. */
const groups = { kills: killTargets, operations: testTargets } as const;

export interface ChaosArguments {
  readonly kills: readonly KillTarget[];
  readonly tests: readonly TestTarget[];
  /** Steps per target (per point), runs per test file; undefined: the full number. */
  readonly count: number | undefined;
  /** The first step of `kills` to run; the results of earlier ones are read from the file of this seed. */
  readonly from: number;
  readonly seed: number;
  readonly keep: boolean;
}

type Target = KillTarget | TestTarget;
const allTargets: readonly Target[] = [...killTargets, ...testTargets];

const seedMax = 999_999;

export const help = `npm run chaos                                   all kills, about 45 minutes
npm run chaos -- --targets worker,postgres      some targets: ${killTargets.join(', ')}
npm run chaos -- --targets clocks,upgrade         test files, stored as a result each: ${testTargets.join(', ')}
npm run chaos -- --targets operations           all test files
npm run chaos -- --count 3                      steps per target, instead of 30 per part, 10 per point, 20 zombies, 10 per test file
npm run chaos -- --seed 4711 --from 61          continues; kills only
npm run chaos -- --keep                         keeps data and logs

worker, api, temporal, postgres: kill -9 at a random moment. points: kill -9 of the worker exactly
${pointNames.join(', ')}.
zombie: a worker is stopped (SIGSTOP) until its lease has expired and another one has taken over, then continued.
The others run their file of test/verify, which starts processes of its own, again and again.`;

/** @returns the help text for --help @throws Error with one sentence for an unknown or invalid option */
export function readArguments(given: readonly string[]): ChaosArguments | string {
  let targets: readonly Target[] = killTargets;
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
  const kills = killTargets.filter((target) => targets.includes(target));
  const tests = testTargets.filter((target) => targets.includes(target));
  return { kills, tests, count, from, seed, keep };
}

function readTargets(text: string): Target[] {
  return text.split(',').flatMap((name): readonly Target[] => {
    if (name === 'kills' || name === 'operations') return groups[name];
    const target = allTargets.find((known) => known === name);
    if (target === undefined) {
      const known = [...Object.keys(groups), ...allTargets].join(', ');
      throw new Error(`No target ${JSON.stringify(name)}: there are ${known}.`);
    }
    return [target];
  });
}

function readNumber(option: string, text: string | undefined): number {
  if (text === undefined || !/^[1-9]\d{0,5}$/.test(text)) {
    throw new Error(`${option} needs a number from 1 to ${String(seedMax)}.`);
  }
  return Number(text);
}
