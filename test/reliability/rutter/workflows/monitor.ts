import { Traffic } from '../traffic.js';
import type { Actors } from './actors.js';
import type { AttemptSubject, AttemptMonitor } from './fixture.js';
import type { WorkflowPlan } from './plan.js';
import { UnseenChanges } from './unseen-changes.js';

export interface RunMonitor extends AttemptMonitor {
  readonly violations: readonly string[];
  readonly injected: number;
  readonly attempts: number;
  readonly unseen: UnseenChanges;
  /** Ends all planned failures. */
  stopFailures(): void;
}

/** Gives each attempt its planned failure, and checks that a feed has one delivery run at a time. */
export function createRunMonitor(plan: WorkflowPlan, actors: Actors): RunMonitor {
  const attempts = new Map<string, number>();
  const running = new Map<string, number>();
  const violations: string[] = [];
  const traffic = new Traffic();
  const unseen = new UnseenChanges(actors, traffic);
  let stopped = false;
  let injected = 0;
  let total = 0;
  const keyOf = (subject: AttemptSubject) => `${subject.activity} ${subject.id}`;
  const indexOf = (id: string) =>
    actors.feeds.find((feed) => feed.feedId === id)?.index ??
    actors.connections.find((connection) => connection.connectionId === id)?.index;
  return {
    attemptStarted: (subject) => {
      const key = keyOf(subject);
      const attempt = (attempts.get(key) ?? 0) + 1;
      const concurrent = (running.get(key) ?? 0) + 1;
      attempts.set(key, attempt);
      running.set(key, concurrent);
      total += 1;
      if (subject.activity === 'connection_check') unseen.checkStarted(subject.id);
      if (concurrent > 1 && subject.activity === 'delivery_run')
        violations.push(`I10: two delivery runs of one feed at a time`);
      if (stopped) return undefined;
      const index = indexOf(subject.id);
      const found = plan.failures.find(
        (planned) =>
          planned.activity === subject.activity && planned.index === index && planned.attempt === attempt,
      );
      if (found !== undefined) injected += 1;
      return found?.failure;
    },
    attemptEnded: (subject) => {
      if (subject.activity === 'connection_check' && subject.ok) unseen.checkEnded(subject.id);
      running.set(keyOf(subject), (running.get(keyOf(subject)) ?? 1) - 1);
    },
    stopFailures: () => {
      stopped = true;
    },
    feedsWithDeliveryRun: () =>
      actors.feeds
        .map((feed) => feed.feedId)
        .filter((id) => (running.get(keyOf({ activity: 'delivery_run', id })) ?? 0) > 0),
    violations,
    traffic,
    unseen,
    get injected() {
      return injected;
    },
    get attempts() {
      return total;
    },
  };
}
