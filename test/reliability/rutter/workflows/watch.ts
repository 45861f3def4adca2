import { Traffic } from '../traffic.js';
import type { Actors } from './actors.js';
import type { AttemptSubject, AttemptWatch } from './fixture.js';
import type { SimulationPlan } from './plan.js';
import { UnseenChanges } from './unseen.js';

export interface PlannedWatch extends AttemptWatch {
  readonly violations: readonly string[];
  readonly struck: number;
  readonly attempts: number;
  readonly unseen: UnseenChanges;
  /** No failure from now on. */
  calm(): void;
}

/** Deals the plan's failures to the attempts they are meant for, and sees that a feed has one delivery run at a time. */
export function createWatch(plan: SimulationPlan, actors: Actors): PlannedWatch {
  const attempts = new Map<string, number>();
  const underWay = new Map<string, number>();
  const violations: string[] = [];
  const traffic = new Traffic();
  const unseen = new UnseenChanges(actors, traffic);
  let calm = false;
  let struck = 0;
  let total = 0;
  const keyOf = (subject: AttemptSubject) => `${subject.activity} ${subject.id}`;
  const indexOf = (id: string) =>
    actors.feeds.find((feed) => feed.feedId === id)?.index ??
    actors.connections.find((connection) => connection.connectionId === id)?.index;
  return {
    begins: (subject) => {
      const key = keyOf(subject);
      const attempt = (attempts.get(key) ?? 0) + 1;
      const together = (underWay.get(key) ?? 0) + 1;
      attempts.set(key, attempt);
      underWay.set(key, together);
      total += 1;
      if (subject.activity === 'look') unseen.checkBegins(subject.id);
      if (together > 1 && subject.activity === 'deliveryRun')
        violations.push(`I10: two delivery runs of one feed at a time`);
      if (calm) return undefined;
      const index = indexOf(subject.id);
      const found = plan.failures.find(
        (planned) =>
          planned.activity === subject.activity && planned.index === index && planned.attempt === attempt,
      );
      if (found !== undefined) struck += 1;
      return found?.failure;
    },
    ends: (subject) => {
      if (subject.activity === 'look' && subject.ok) unseen.checkEnds(subject.id);
      underWay.set(keyOf(subject), (underWay.get(keyOf(subject)) ?? 1) - 1);
    },
    calm: () => {
      calm = true;
    },
    feedsAtWork: () =>
      actors.feeds
        .map((feed) => feed.feedId)
        .filter((id) => (underWay.get(keyOf({ activity: 'deliveryRun', id })) ?? 0) > 0),
    ...{ violations, traffic, unseen },
    get struck() {
      return struck;
    },
    get attempts() {
      return total;
    },
  };
}
