import type { Degraded } from './degraded.js';

/** What is known of the service besides this process: from Temporal, and from what workers say about themselves. */
export interface ServiceFacts {
  readonly missingSearchAttributes: readonly string[];
  readonly queuesNotPolled: readonly string[];
  readonly workers: readonly { readonly workerId: string; readonly degraded: readonly Degraded[] }[];
}

/** An alert about the service as a whole. */
export interface ServiceAlert {
  readonly code: 'task_queue_not_polled' | 'search_attribute_missing' | 'workflow_bundle_old';
  /** Tells alerts of one code apart. */
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** What of it every API process shows in /readyz: the same cause of several workers once, with their number. */
export function degradedOfService(facts: ServiceFacts): Degraded[] {
  const { missingSearchAttributes, queuesNotPolled, workers } = facts;
  const found: Degraded[] = [];
  if (missingSearchAttributes.length > 0) {
    found.push({ part: 'search_attributes', cause: `not registered: ${missingSearchAttributes.join(', ')}` });
  }
  if (queuesNotPolled.length > 0) {
    found.push({ part: 'task_queue', cause: `no worker polls ${queuesNotPolled.join(', ')}` });
  }
  const ofWorkers = new Map<string, { item: Degraded; workerIds: string[] }>();
  for (const { workerId, degraded } of workers) {
    for (const item of degraded) {
      const key = `${item.part} ${item.cause}`;
      const seen = ofWorkers.get(key) ?? { item, workerIds: [] };
      seen.workerIds.push(workerId);
      ofWorkers.set(key, seen);
    }
  }
  for (const { item, workerIds } of ofWorkers.values()) {
    const others = workerIds.length > 1 ? ` and ${String(workerIds.length - 1)} more` : '';
    found.push({ ...item, cause: `${item.cause} (worker ${workerIds[0] ?? ''}${others})` });
  }
  return found;
}

/** What of it is an alert once it has lasted. The causes of parts have alerts of their own, or end by themselves. */
export function alertsOfService(facts: ServiceFacts): ServiceAlert[] {
  const oldBundles = facts.workers.flatMap(({ workerId, degraded }) =>
    degraded.flatMap(({ part, cause }): ServiceAlert[] =>
      part === 'workflow_bundle'
        ? [{ code: 'workflow_bundle_old', subject: workerId, detail: { worker: workerId, cause } }]
        : [],
    ),
  );
  return [
    ...facts.queuesNotPolled.map((taskQueue): ServiceAlert => ({
      code: 'task_queue_not_polled',
      subject: taskQueue,
      detail: { task_queue: taskQueue },
    })),
    ...facts.missingSearchAttributes.map((name): ServiceAlert => ({
      code: 'search_attribute_missing',
      subject: name,
      detail: { search_attribute: name },
    })),
    ...oldBundles,
  ];
}
