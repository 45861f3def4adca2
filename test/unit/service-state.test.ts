import { expect, it } from 'vitest';
import { alertsOfService, degradedOfService } from '../../src/domain/service-state.js';
import { bundleProblem } from '../../src/temporal/bundle-stamp.js';
import { queuesNotPolled } from '../../src/temporal/service-checks.js';

const healthy = {
  missingSearchAttributes: [],
  queuesNotPolled: [],
  workers: [{ workerId: 'w1', degraded: [] }],
};

it('a service in which nothing is missing is not degraded', () => {
  expect(degradedOfService(healthy)).toEqual([]);
  expect(alertsOfService(healthy)).toEqual([]);
});

it('what is missing is named in one entry for each part, and one alert for each subject', () => {
  const bundle = { part: 'workflow_bundle', cause: 'built from other code' } as const;
  const facts = {
    missingSearchAttributes: ['FeedReason', 'FeedState'],
    queuesNotPolled: ['deliver'],
    workers: [
      { workerId: 'w1', degraded: [bundle] },
      {
        workerId: 'w2',
        degraded: [bundle, { part: 'rutter', code: '503', cause: '503: HTTP 503' } as const],
      },
    ],
  };
  expect(degradedOfService(facts)).toEqual([
    { part: 'search_attributes', cause: 'not registered: FeedReason, FeedState' },
    { part: 'task_queue', cause: 'no worker polls deliver' },
    { part: 'workflow_bundle', cause: 'built from other code (worker w1 and 1 more)' },
    { part: 'rutter', code: '503', cause: '503: HTTP 503 (worker w2)' },
  ]);
  expect(alertsOfService(facts).map(({ code, subject }) => `${code} ${subject}`)).toEqual([
    'task_queue_not_polled deliver',
    'search_attribute_missing FeedReason',
    'search_attribute_missing FeedState',
    'workflow_bundle_old w1',
    'workflow_bundle_old w2',
  ]);
});

it('a task queue is polled until the last poll of all its workers is too old', () => {
  const nowMs = 10_000_000;
  /** Longer than the longest poll. */
  const polledWithinMs = 90_000;
  const poll = (identity: string, ageMs: number) => ({ identity, lastPolledMs: nowMs - ageMs });
  const queues = [
    { taskQueue: 'never', pollers: [] },
    { taskQueue: 'old', pollers: [poll('a', polledWithinMs + 1), poll('b', 10 * polledWithinMs)] },
    { taskQueue: 'one', pollers: [poll('a', polledWithinMs), poll('b', 10 * polledWithinMs)] },
  ];
  expect(queuesNotPolled(queues, nowMs)).toEqual(['never', 'old']);
});

it('a workflow bundle is old with another SDK or other code, or when it is not the one that was stamped', () => {
  const stamp = { bundle: 'b', sdk: '1.24.0', sources: 's' };
  expect(bundleProblem(stamp, stamp)).toBeNull();
  expect(bundleProblem(stamp, { ...stamp, sdk: '1.25.0' })).toContain('SDK 1.24.0, the worker runs 1.25.0');
  expect(bundleProblem(stamp, { ...stamp, sources: 't' })).toContain('other code');
  expect(bundleProblem(stamp, { ...stamp, bundle: 'c' })).toContain('another than the one');
});
