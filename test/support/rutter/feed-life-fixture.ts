import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import type { ActivityDeps } from '../../../src/activities/channels.js';
import { createActivities } from '../../../src/activities/channels.js';
import { createActivityInterceptors } from '../../../src/activities/interceptor.js';
import { createFeed } from '../../../src/db/rutter/publications.js';
import { transaction } from '../../../src/db/pool.js';
import type { FeedState, OperatorAction } from '../../../src/domain/feed.js';
import { bankFeedWorkflowId, connectionWorkflowId, taskQueues } from '../../../src/domain/ids.js';
import { createFacade, type Facade } from '../../../src/temporal/channels.js';
import { createDeliveryFixture, type DeliveryFeed, type DeliveryFixture } from './delivery-fixture.js';
import { until } from '../until.js';
import {
  bundleWorkflows,
  createWorkflowEnvironment,
  endAtRest,
  untilTaken,
} from '../workflow-environment.js';
import { createReplayConverter } from '../replay-key.js';

/** The real workflows with the real activities, PostgreSQL and the sandbox; timers alone can be skipped. */
export interface FeedLifeFixture extends DeliveryFixture {
  env: TestWorkflowEnvironment;
  facade: Facade;
  makeLife(): Promise<FeedLife>;
}

/** Where answers to POSTs of transactions wait: Rutter has done its work, and we do not know it yet. */
interface Gate {
  opened: Promise<void>;
  open: () => void;
  held: number;
}

const soon = { timeoutMs: 30_000, everyMs: 25 };
export const lifeStartDate = '2026-03-01T00:00:00.000Z';
const dayMs = 86_400_000;

export async function createFeedLifeFixture(): Promise<FeedLifeFixture> {
  const [fixture, env, workflowBundle] = await Promise.all([
    createDeliveryFixture(),
    createWorkflowEnvironment(),
    bundleWorkflows(),
  ]);
  const facade = createFacade(env.client);
  const gates = new Map<string, Gate>();
  const deliveryRunsDone = new Map<string, number>();
  const deps: ActivityDeps = {
    ...fixture.deps,
    workflows: facade,
    rutter: {
      ...fixture.deps.rutter,
      postTransactions: async (input) => {
        const answer = await fixture.deps.rutter.postTransactions(input);
        const [gate] = [...gates].filter(([account]) => input.body.includes(account)).map(([, each]) => each);
        if (gate !== undefined) {
          gate.held += 1;
          await gate.opened;
        }
        return answer;
      },
    },
  };
  const real = createActivities(deps);
  const activities = {
    ...real,
    rutterRunDelivery: async (input: Parameters<typeof real.rutterRunDelivery>[0]) => {
      try {
        return await real.rutterRunDelivery(input);
      } finally {
        deliveryRunsDone.set(input.feedId, (deliveryRunsDone.get(input.feedId) ?? 0) + 1);
      }
    },
  };
  const shared = {
    connection: env.nativeConnection,
    namespace: 'default',
    dataConverter: createReplayConverter(),
  };
  const acting = { ...shared, activities, interceptors: { activity: [createActivityInterceptors] } };
  const workers = await Promise.all([
    Worker.create({ ...shared, taskQueue: taskQueues.workflows, workflowBundle }),
    Worker.create({ ...acting, taskQueue: taskQueues.deliver }),
    Worker.create({ ...acting, taskQueue: taskQueues.interactive }),
  ]);
  const running = workers.map((worker) => worker.run());
  return {
    ...fixture,
    env,
    facade,
    makeLife: async () =>
      new FeedLife({
        fixture,
        facade,
        env,
        gates,
        deliveryRunsDone,
        feed: await fixture.makeFeed(),
      }),
    close: async () => {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
      await env.teardown();
      await fixture.close();
    },
  };
}

interface LifeParts {
  fixture: DeliveryFixture;
  facade: Facade;
  env: TestWorkflowEnvironment;
  gates: Map<string, Gate>;
  deliveryRunsDone: Map<string, number>;
  feed: DeliveryFeed;
}

/** One feed: what operators, customers, Sage and Rutter do to it, and what a test reads of it. */
export class FeedLife {
  readonly feed: DeliveryFeed;
  /** All postings that core banking has sent so far, in their order. */
  readonly sent: string[] = [];
  private gate: Gate | undefined;

  constructor(private readonly parts: LifeParts) {
    this.feed = parts.feed;
  }

  // Events.

  /** Core banking sends postings, each a day after the one before, and wakes the feed. */
  async postings(count = 1): Promise<void> {
    const postings = Array.from({ length: count }, (_, index) => {
      const number = this.sent.length + index;
      return {
        id: `tx-${String(number + 1)}`,
        postedAt: new Date(Date.parse(lifeStartDate) + number * dayMs).toISOString(),
      };
    });
    await this.parts.fixture.addPostings(this.feed, postings);
    this.sent.push(...postings.map(({ id }) => id));
    await this.parts.facade.wakeFeed(this.feed);
  }

  /** The customer chooses the account in Sage. */
  async link(startDate = lifeStartDate): Promise<void> {
    await this.sage('select', { transaction_start_date: startDate });
    await this.wake();
  }

  async unlink(): Promise<void> {
    await this.sage('disconnect');
    await this.wake();
  }

  /** Rutter reports that the connection must be authorized again, and a webhook causes a check. */
  async refuseConnection(): Promise<void> {
    await this.setConnection('needs_reauth');
    await this.wake();
    await until(async () => (await this.connectionStatus()) === 'refused', {
      ...soon,
      describe: 'the connection is refused',
    });
  }

  async recoverConnection(): Promise<void> {
    await this.setConnection('active');
    await this.wake();
    await until(async () => (await this.connectionStatus()) === 'ok', {
      ...soon,
      describe: 'the connection has recovered',
    });
  }

  async request(action: OperatorAction): Promise<void> {
    await this.parts.facade.requestOfFeed({ feedId: this.feed.feedId, action });
  }

  /** What publishing does when a customer shares an account again whose feed was closed. */
  async shareAgain(): Promise<void> {
    const { fixture, facade } = this.parts;
    const { rows } = await fixture.pool.query<{ customer_id: string }>(
      `SELECT customer_id FROM feeds WHERE feed_id = $1`,
      [this.feed.feedId],
    );
    const customerId = rows[0]?.customer_id ?? '';
    const made = await transaction(fixture.pool, (db) => createFeed(db, { ...this.feed, customerId }));
    if (made.outcome !== 'reopened') throw new Error(`the feed was not reopened but ${made.outcome}`);
    await untilTaken(() => facade.feedFactsChanged(this.feed));
  }

  /** From now on Rutter's answers to this feed's batches do not arrive, though it has done its work. */
  holdAnswers(): void {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    this.gate = { opened, open, held: 0 };
    this.parts.gates.set(this.feed.rutterAccountId, this.gate);
  }

  async letAnswersGo(): Promise<void> {
    const { gate } = this;
    if (gate === undefined) return;
    this.parts.gates.delete(this.feed.rutterAccountId);
    this.gate = undefined;
    const before = this.deliveryRunsDone();
    gate.open();
    if (gate.held === 0) return;
    await until(() => this.deliveryRunsDone() > before, { ...soon, describe: 'the delivery run has ended' });
  }

  /** Requests a check of the feed, whatever it waits for, and waits until it is done. */
  async check(): Promise<void> {
    const before = this.deliveryRunsDone();
    await this.parts.facade.feedFactsChanged(this.feed);
    await until(() => this.deliveryRunsDone() > before, { ...soon, describe: 'the feed was checked' });
  }

  async wake(): Promise<void> {
    await this.parts.facade.wakeConnection(this.feed);
  }

  // Observations.

  async row(): Promise<{ state: FeedState; reason: string | null }> {
    const { rows } = await this.parts.fixture.pool.query<{ state: FeedState; reason: string | null }>(
      `SELECT state, reason FROM feeds WHERE feed_id = $1`,
      [this.feed.feedId],
    );
    if (rows[0] === undefined) throw new Error('no feed');
    return rows[0];
  }

  async untilState(state: FeedState): Promise<void> {
    await until(async () => (await this.row()).state === state, {
      ...soon,
      describe: `the feed is ${state}`,
    });
  }

  /** Waits until Rutter has accepted a batch whose answer is held. */
  async untilInFlight(): Promise<void> {
    await until(() => (this.gate?.held ?? 0) > 0, { ...soon, describe: 'a batch is in flight' });
  }

  async bookedIds(): Promise<string[]> {
    return (await this.parts.fixture.book(this.feed)).map((entry) => entry.transaction_id);
  }

  async untilBooked(count = this.sent.length): Promise<void> {
    await until(async () => (await this.bookedIds()).length >= count, {
      ...soon,
      describe: `${String(count)} postings are booked`,
    });
  }

  async workflowStatus(): Promise<string> {
    const { env } = this.parts;
    return (await env.client.workflow.getHandle(bankFeedWorkflowId(this.feed.feedId)).describe()).status.name;
  }

  /** Ends the workflows of this feed. */
  async end(): Promise<void> {
    await this.letAnswersGo();
    for (const id of [bankFeedWorkflowId(this.feed.feedId), connectionWorkflowId(this.feed.connectionId)]) {
      await endAtRest(this.parts.env.client, id);
    }
  }

  private deliveryRunsDone(): number {
    return this.parts.deliveryRunsDone.get(this.feed.feedId) ?? 0;
  }

  private async sage(verb: string, body: unknown = {}): Promise<void> {
    await this.parts.fixture.control('POST', `/accounts/${this.feed.rutterAccountId}/${verb}`, body);
  }

  private async setConnection(status: string): Promise<void> {
    const { rows } = await this.parts.fixture.pool.query<{ id: string }>(
      `SELECT rutter_connection_id AS id FROM connections WHERE connection_id = $1`,
      [this.feed.connectionId],
    );
    await this.parts.fixture.control('POST', `/connections/${rows[0]?.id ?? ''}/status`, { status });
  }

  private async connectionStatus(): Promise<string | undefined> {
    const { rows } = await this.parts.fixture.pool.query<{ status: string }>(
      `SELECT status FROM connections WHERE connection_id = $1`,
      [this.feed.connectionId],
    );
    return rows[0]?.status;
  }
}
