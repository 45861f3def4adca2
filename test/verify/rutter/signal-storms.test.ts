import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bankFeedWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import * as messages from '../../../src/workflows/rutter/bank-feed/messages.js';
import type { bankFeedWorkflow } from '../../../src/workflows/rutter/bank-feed/workflow.js';
import { createSignalFixture, type SignalFixture } from '../../support/rutter/signal-fixture.js';
import { until } from '../../support/until.js';

/*
 * Signals by the thousand on a real server. What counts is their effect: after the last one there is a delivery run
 * that began later, and few delivery runs altogether.
 */

const soon = { timeoutMs: 120_000, everyMs: 50 };

let fixture: SignalFixture;
beforeAll(async () => {
  fixture = await createSignalFixture();
});
afterAll(() => fixture.close());

describe('a storm of signals', () => {
  it('of eight thousand during one delivery run cause one more delivery run, and the long history is reported', async () => {
    const feed = fixture.makeFeed();
    let release = (): void => undefined;
    feed.hold = new Promise((resolve) => (release = resolve));
    await fixture.facade.wakeFeed(feed);
    await until(() => feed.deliveryRuns === 1, { ...soon, describe: 'the delivery run has begun' });
    await fixture.storm(feed, 7_500);
    await until(
      () =>
        fixture.lines.some(
          (entry) => entry.message === 'history is long' && entry.meta?.['feedId'] === feed.feedId,
        ),
      { ...soon, describe: 'the long history is reported' },
    );
    release();
    await fixture.untilDelivered(feed);
    expect(feed.deliveryRuns).toBeLessThanOrEqual(3);
    // It is renewed as soon as the delivery run has ended: nothing pins its history any more.
    await until(
      async () => {
        const { historyLength } = await fixture.client.workflow
          .getHandle(bankFeedWorkflowId(feed.feedId))
          .describe();
        return historyLength < 100;
      },
      { ...soon, describe: 'the history is short again' },
    );
  });

  it('misses no posting and no request while the workflow renews itself again and again', async () => {
    const feed = fixture.makeFeed();
    const handle = await fixture.client.workflow.start<typeof bankFeedWorkflow>('bankFeedWorkflow', {
      workflowId: bankFeedWorkflowId(feed.feedId),
      taskQueue: taskQueues.workflows,
      args: [{ feedId: feed.feedId, passesMax: 3 }],
    });
    for (let round = 0; round < 5; round += 1) {
      await Promise.all([
        fixture.storm(feed, 100),
        fixture.facade.requestOfFeed({ feedId: feed.feedId, action: 'sync' }),
        fixture.facade.feedFactsChanged(feed),
      ]);
      await fixture.untilDelivered(feed);
    }
    await until(() => feed.requests.length === 5, { ...soon, describe: 'every request was done' });
    expect(feed.requests).toEqual(['sync', 'sync', 'sync', 'sync', 'sync']);
    await until(async () => (await fixture.runsOf(feed)).length > 3, { ...soon, describe: 'it was renewed' });
    expect(new Set((await fixture.runsOf(feed)).slice(1))).toEqual(new Set(['CONTINUED_AS_NEW']));
    const current = await fixture.client.workflow.getHandle(handle.workflowId).query(messages.feedStatus);
    expect(current.state).toBe('live');
  });

  it('to a closed feed starts runs that all end, and none stays', async () => {
    const feed = fixture.makeFeed();
    await fixture.facade.wakeFeed(feed);
    await fixture.untilDelivered(feed);
    await fixture.facade.requestOfFeed({ feedId: feed.feedId, action: 'close' });
    const ended = async () => (await fixture.runsOf(feed)).every((status) => status === 'COMPLETED');
    await until(ended, { ...soon, describe: 'the run has ended' });
    await Promise.all(Array.from({ length: 50 }, () => fixture.facade.wakeFeed(feed)));
    await until(ended, { ...soon, describe: 'no run is left' });
    expect(new Set(await fixture.runsOf(feed))).toEqual(new Set(['COMPLETED']));
  });
});
