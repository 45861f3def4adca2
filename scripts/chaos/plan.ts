import type { ChaosArguments } from './arguments.js';
import { pointNames, type PointName } from './points.js';
import { randomTargets, type RandomTarget } from './targets.js';
import { zombiePoints, type ZombiePoint } from './zombie.js';

export type Step =
  | { readonly target: RandomTarget; readonly point?: undefined }
  | { readonly target: 'points'; readonly point: PointName }
  | { readonly target: 'zombie'; readonly point: ZombiePoint };

const fullCounts = { random: 30, point: 10, zombie: 20 } as const;

/** Every step of a run, target after target; the same for the same arguments. */
export function planSteps(input: Pick<ChaosArguments, 'kills' | 'count'>): Step[] {
  const steps: Step[] = [];
  for (const target of randomTargets) {
    if (!input.kills.includes(target)) continue;
    for (let done = 0; done < (input.count ?? fullCounts.random); done += 1) steps.push({ target });
  }
  if (input.kills.includes('points')) {
    for (const point of pointNames) {
      for (let done = 0; done < (input.count ?? fullCounts.point); done += 1) {
        steps.push({ target: 'points', point });
      }
    }
  }
  if (input.kills.includes('zombie')) {
    for (let done = 0; done < (input.count ?? fullCounts.zombie); done += 1) {
      const point = zombiePoints[done % zombiePoints.length];
      if (point !== undefined) steps.push({ target: 'zombie', point });
    }
  }
  return steps;
}
