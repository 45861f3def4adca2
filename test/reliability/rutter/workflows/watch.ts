import { Traffic } from '../traffic.js';
import type { Cast } from './actors.js';
import type { AttemptSubject, AttemptWatch } from './fixture.js';
import type { WorldPlan } from './plan.js';
import { UnseenChanges } from './unseen.js';

export interface PlannedWatch extends AttemptWatch {
  readonly violations: readonly string[];
  readonly struck: number;
  readonly attempts: number;
  readonly unseen: UnseenChanges;
  /** No trouble from now on. */
  calm(): void;
}

/** Deals the plan's troubles to the attempts they are meant for, and sees that a feed has one slice at a time. */
export function createWatch(plan: WorldPlan, cast: Cast): PlannedWatch {
  const attempts = new Map<string, number>();
  const underWay = new Map<string, number>();
  const violations: string[] = [];
  const traffic = new Traffic();
  const unseen = new UnseenChanges(cast, traffic);
  let calm = false;
  let struck = 0;
  let total = 0;
  const keyOf = (subject: AttemptSubject) => `${subject.activity} ${subject.id}`;
  const indexOf = (id: string) =>
    cast.feeds.find((feed) => feed.feedId === id)?.index ??
    cast.connections.find((connection) => connection.connectionId === id)?.index;
  return {
    begins: (subject) => {
      const key = keyOf(subject);
      const attempt = (attempts.get(key) ?? 0) + 1;
      const together = (underWay.get(key) ?? 0) + 1;
      attempts.set(key, attempt);
      underWay.set(key, together);
      total += 1;
      if (subject.activity === 'look') unseen.lookBegins(subject.id);
      if (together > 1 && subject.activity === 'slice')
        violations.push(`I10: two slices of one feed at a time`);
      if (calm) return undefined;
      const index = indexOf(subject.id);
      const found = plan.troubles.find(
        (planned) =>
          planned.activity === subject.activity && planned.index === index && planned.attempt === attempt,
      );
      if (found !== undefined) struck += 1;
      return found?.trouble;
    },
    ends: (subject) => {
      if (subject.activity === 'look' && subject.ok) unseen.lookEnds(subject.id);
      underWay.set(keyOf(subject), (underWay.get(keyOf(subject)) ?? 1) - 1);
    },
    calm: () => {
      calm = true;
    },
    feedsAtWork: () =>
      cast.feeds
        .map((feed) => feed.feedId)
        .filter((id) => (underWay.get(keyOf({ activity: 'slice', id })) ?? 0) > 0),
    ...{ violations, traffic, unseen },
    get struck() {
      return struck;
    },
    get attempts() {
      return total;
    },
  };
}
