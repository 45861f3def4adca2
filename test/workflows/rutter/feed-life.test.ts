import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { feedState, type FeedFacts, type FeedState } from '../../../src/domain/feed.js';
import { maySend } from '../../../src/domain/rutter/feed.js';
import {
  createFeedLifeFixture,
  type FeedLife,
  type FeedLifeFixture,
} from '../../support/rutter/feed-life-fixture.js';

/**
 * Every transition of a feed's state, with the real workflows, activities, PostgreSQL and the sandbox. Every test ends
 * with the same checks: nothing was sent in a state that does not send, and after it the feed recovers and delivers
 * everything, each posting once, in order.
 */

let fixture: FeedLifeFixture;
beforeAll(async () => {
  fixture = await createFeedLifeFixture();
});
afterAll(() => fixture.close());

/** Brings a feed into a state and leaves it there. Where a batch is in flight its answer is held. */
const reach = {
  awaiting_activation: async (life: FeedLife): Promise<void> => {
    await life.postings(2);
    await life.untilState('awaiting_activation');
  },
  backfilling: async (life: FeedLife): Promise<void> => {
    life.holdAnswers();
    await life.postings(2);
    await life.link();
    await life.untilInFlight();
    await life.untilState('backfilling');
  },
  live: async (life: FeedLife): Promise<void> => {
    await life.postings(2);
    await life.link();
    await life.untilState('live');
  },
  syncing: async (life: FeedLife): Promise<void> => {
    await reach.live(life);
    life.holdAnswers();
    await life.postings();
    await life.untilInFlight();
    await life.untilState('syncing');
  },
  paused: async (life: FeedLife): Promise<void> => {
    await reach.live(life);
    await life.request('pause');
    await life.untilState('paused');
  },
  reauth_required: async (life: FeedLife): Promise<void> => {
    await reach.live(life);
    await life.refuseConnection();
    await life.untilState('reauth_required');
  },
  disconnected: async (life: FeedLife): Promise<void> => {
    await reach.live(life);
    await life.unlink();
    await life.untilState('disconnected');
  },
  closed: async (life: FeedLife): Promise<void> => {
    await reach.live(life);
    await life.request('close');
    await life.untilState('closed');
  },
};

interface Edge {
  guarantee: string;
  /** Brings the feed into the first state and makes it take the edge. */
  follow: (life: FeedLife) => Promise<void>;
}

const from =
  (before: (life: FeedLife) => Promise<void>, event: (life: FeedLife) => Promise<void>) =>
  async (life: FeedLife) => {
    await before(life);
    await event(life);
  };
const pause = (life: FeedLife) => life.request('pause');
const resume = (life: FeedLife) => life.request('resume');
const close = (life: FeedLife) => life.request('close');
const refuse = (life: FeedLife) => life.refuseConnection();
const recover = (life: FeedLife) => life.recoverConnection();
const link = (life: FeedLife) => life.link();
const unlink = (life: FeedLife) => life.unlink();
const arrive = (life: FeedLife) => life.letAnswersGo();

const edges: Record<string, Edge> = {
  'awaiting_activation → backfilling': {
    guarantee: 'the postings since the start date are sent once the customer chooses the account in Sage',
    follow: async (life) => {
      await reach.awaiting_activation(life);
      life.holdAnswers();
      await life.link();
    },
  },
  'awaiting_activation → paused': {
    guarantee: 'an account that is chosen while its feed is paused waits for the resume',
    follow: from(reach.awaiting_activation, pause),
  },
  'awaiting_activation → reauth_required': {
    guarantee: 'a refused connection shows before its first posting is sent',
    follow: from(reach.awaiting_activation, refuse),
  },
  'awaiting_activation → closed': {
    guarantee: 'a feed whose account was not chosen can be closed and shared again',
    follow: from(reach.awaiting_activation, close),
  },
  'backfilling → live': {
    guarantee: 'a feed is live once everything from the start date on is delivered',
    follow: from(reach.backfilling, arrive),
  },
  'backfilling → paused': {
    guarantee: 'a pause lets the batch in flight finish and builds no other',
    follow: from(reach.backfilling, pause),
  },
  'backfilling → reauth_required': {
    guarantee: 'after a refusal during the backfill only the rest is sent',
    follow: from(reach.backfilling, refuse),
  },
  'backfilling → disconnected': {
    guarantee: 'after an account was unlinked during the backfill only the rest is sent',
    follow: from(reach.backfilling, unlink),
  },
  'backfilling → closed': {
    guarantee: 'a close during the backfill records the batch in flight and sends nothing after it',
    follow: from(reach.backfilling, close),
  },
  'live → syncing': {
    guarantee: 'a new posting is sent at once',
    follow: async (life) => {
      await reach.live(life);
      life.holdAnswers();
      await life.postings();
    },
  },
  'live → paused': {
    guarantee: 'postings received while paused are kept',
    follow: from(reach.live, pause),
  },
  'live → reauth_required': {
    guarantee: 'postings received while refused are kept',
    follow: from(reach.live, refuse),
  },
  'live → disconnected': {
    guarantee: 'postings received while disconnected are kept',
    follow: from(reach.live, unlink),
  },
  'live → closed': {
    guarantee: 'a closed feed sends nothing and ends its run',
    follow: from(reach.live, close),
  },
  'syncing → live': {
    guarantee: 'a feed that has caught up is live',
    follow: from(reach.syncing, arrive),
  },
  'syncing → paused': {
    guarantee: 'a pause does not abort the POST in flight',
    follow: from(reach.syncing, pause),
  },
  'syncing → reauth_required': {
    guarantee: 'a refusal does not undo what Rutter has accepted',
    follow: from(reach.syncing, refuse),
  },
  'syncing → disconnected': {
    guarantee: 'a disconnection does not undo what Rutter has accepted',
    follow: from(reach.syncing, unlink),
  },
  'syncing → closed': {
    guarantee: 'a close does not abort the POST in flight, and records its outcome',
    follow: from(reach.syncing, close),
  },
  'paused → awaiting_activation': {
    guarantee: 'resuming does not replace the choice of the account in Sage',
    follow: async (life) => {
      await reach.awaiting_activation(life);
      await life.request('pause');
      await life.untilState('paused');
      await life.request('resume');
    },
  },
  'paused → backfilling': {
    guarantee: 'a feed paused during its backfill continues with the rest',
    follow: async (life) => {
      await reach.awaiting_activation(life);
      await life.request('pause');
      await life.untilState('paused');
      await life.link();
      life.holdAnswers();
      await life.request('resume');
    },
  },
  'paused → live': {
    guarantee: 'resuming needs no other action',
    follow: from(reach.paused, resume),
  },
  'paused → reauth_required': {
    guarantee: 'resuming does not hide a refusal',
    follow: async (life) => {
      await reach.paused(life);
      await life.refuseConnection();
      await life.untilState('paused');
      await life.request('resume');
    },
  },
  'paused → disconnected': {
    guarantee: 'resuming does not hide a disconnection',
    follow: async (life) => {
      await reach.paused(life);
      await life.unlink();
      await life.wake();
      await life.check();
      await life.untilState('paused');
      await life.request('resume');
    },
  },
  'paused → closed': {
    guarantee: 'a paused feed can be closed',
    follow: from(reach.paused, close),
  },
  'reauth_required → awaiting_activation': {
    guarantee: 'a recovered connection still waits for the choice in Sage',
    follow: async (life) => {
      await reach.awaiting_activation(life);
      await life.refuseConnection();
      await life.untilState('reauth_required');
      await life.recoverConnection();
    },
  },
  'reauth_required → backfilling': {
    guarantee: 'a connection that recovers during the backfill wakes the feed',
    follow: async (life) => {
      await reach.awaiting_activation(life);
      await life.refuseConnection();
      await life.untilState('reauth_required');
      life.holdAnswers();
      await life.link();
      await life.recoverConnection();
    },
  },
  'reauth_required → live': {
    guarantee: 'a recovered connection needs no operator',
    follow: from(reach.reauth_required, recover),
  },
  'reauth_required → disconnected': {
    guarantee: 'the recovery does not hide that the account was unlinked',
    follow: async (life) => {
      await reach.reauth_required(life);
      await life.unlink();
      await life.recoverConnection();
    },
  },
  'reauth_required → paused': {
    guarantee: 'the recovery does not end a pause',
    follow: async (life) => {
      await reach.reauth_required(life);
      await life.request('pause');
      await life.untilState('paused');
      await life.recoverConnection();
    },
  },
  'reauth_required → closed': {
    guarantee: 'a refused feed can be closed',
    follow: from(reach.reauth_required, close),
  },
  'disconnected → backfilling': {
    guarantee: 'an account linked again receives only what is missing',
    follow: async (life) => {
      await reach.disconnected(life);
      life.holdAnswers();
      await life.postings();
      await life.link();
    },
  },
  'disconnected → paused': {
    guarantee: 'a pause of a disconnected feed continues after its return',
    follow: async (life) => {
      await reach.disconnected(life);
      await life.request('pause');
      await life.untilState('paused');
      await life.link();
    },
  },
  'disconnected → reauth_required': {
    guarantee: 'the state shows the reason of higher precedence',
    follow: from(reach.disconnected, refuse),
  },
  'disconnected → closed': {
    guarantee: 'a disconnected feed can be closed',
    follow: from(reach.disconnected, close),
  },
  'closed → awaiting_activation': {
    guarantee: 'an account shared again reopens the same feed, its ledger intact',
    follow: from(reach.closed, (life) => life.shareAgain()),
  },
  'closed → reauth_required': {
    guarantee: 'a feed reopened on a refused connection waits for its recovery',
    follow: async (life) => {
      await reach.reauth_required(life);
      await life.request('close');
      await life.untilState('closed');
      await life.shareAgain();
    },
  },
};

/** The one next action that leads a feed out of a state. */
const nextAction: Partial<Record<FeedState, (life: FeedLife) => Promise<void>>> = {
  awaiting_activation: link,
  paused: resume,
  reauth_required: recover,
  disconnected: link,
  closed: (life) => life.shareAgain(),
};
const stepsMax = 6;

/** The feed recovers and delivers everything once, in order, without a batch sent again. */
async function deliversEverything(life: FeedLife): Promise<void> {
  await life.letAnswersGo();
  for (let steps = 0; steps < stepsMax; steps += 1) {
    const { state } = await life.row();
    const step = nextAction[state];
    if (step === undefined) break;
    await step(life);
    await expect.poll(async () => (await life.row()).state, { timeout: 20_000 }).not.toBe(state);
  }
  await life.postings();
  await life.untilBooked();
  await life.untilState('live');
  expect(await life.bookedIds()).toEqual(life.sent);
  expect(await fixture.violations()).toMatchObject({ violations: [], resent: [] });
}

const sending: readonly FeedState[] = ['backfilling', 'syncing', 'live'];

describe('a feed', () => {
  it.each(Object.entries(edges).map(([edge, { guarantee, follow }]) => [edge, guarantee, follow] as const))(
    '%s: %s',
    async (edge, _, follow) => {
      const to = edge.split(' → ')[1] as FeedState;
      const life = await fixture.makeLife();
      try {
        await follow(life);
        await life.untilState(to);
        if (!sending.includes(to)) {
          // What is in flight arrives; nothing follows, although a posting arrives and a check is requested.
          await life.letAnswersGo();
          const before = await life.bookedIds();
          await life.postings();
          await life.check();
          expect([await life.bookedIds(), (await life.row()).state]).toEqual([before, to]);
        }
        await deliversEverything(life);
      } finally {
        await life.end();
      }
    },
  );

  it('has exactly these transitions: every one that its facts allow has a test', () => {
    expect(Object.keys(edges).sort()).toEqual([...pairsOfStates()].sort());
  });

  it('ends its run when it is closed, and only then', async () => {
    const life = await fixture.makeLife();
    try {
      await reach.paused(life);
      expect(await life.workflowStatus()).toBe('RUNNING');
      await life.request('close');
      await expect.poll(() => life.workflowStatus(), { timeout: 20_000 }).toBe('COMPLETED');
    } finally {
      await life.end();
    }
  });
});

describe('a blocked feed', () => {
  const batchPost = { method: 'POST', path: 'bank_feeds/transactions' };

  /** Rutter answers a batch with success and names none of it: a person must act. */
  async function block(life: FeedLife, before: (life: FeedLife) => Promise<void>): Promise<void> {
    await before(life);
    await fixture.control('POST', '/faults', {
      kind: 'omit_from_answer',
      times: 1,
      count: 1,
      booked: false,
      match: { ...batchPost, account: life.feed.rutterAccountId },
    });
    await life.postings();
    if ((await life.row()).state === 'awaiting_activation') await life.link();
    await expect.poll(async () => (await life.row()).reason, { timeout: 20_000 }).toBe('answer_incomplete');
  }
  const nothing = () => Promise.resolve();

  const cases = [
    { name: 'blocked in its backfill it continues when it is resumed', before: nothing, events: [resume] },
    { name: 'blocked while live it continues when it is resumed', before: reach.live, events: [resume] },
    {
      name: 'blocked it continues when a sync is requested',
      before: reach.live,
      events: [(life: FeedLife) => life.request('sync')],
    },
    { name: 'paused it keeps its reason, and resuming clears both', before: reach.live, events: [pause] },
    {
      name: 'it is still blocked after a refusal and a recovery',
      before: reach.live,
      events: [refuse, recover],
    },
    {
      name: 'it is still blocked after the account was unlinked and linked',
      before: reach.live,
      events: [unlink, link],
    },
  ];
  it.each(cases.map(({ name, ...steps }) => [name, steps] as const))('%s', async (_, { before, events }) => {
    const life = await fixture.makeLife();
    try {
      await block(life, before);
      const bookedBefore = await life.bookedIds();
      await life.postings();
      await life.check();
      expect(await life.bookedIds()).toEqual(bookedBefore);
      for (const event of events) await event(life);
      if (events[0] === pause || events.length > 1) {
        await life.check();
        expect([await life.bookedIds(), (await life.row()).reason]).toEqual([
          bookedBefore,
          'answer_incomplete',
        ]);
        await life.request('resume');
      }
      await deliversEverything(life);
    } finally {
      await life.end();
    }
  });

  it('has no reason any more after it was closed and shared again', async () => {
    const life = await fixture.makeLife();
    try {
      await block(life, reach.live);
      await life.request('close');
      await life.untilState('closed');
      expect((await life.row()).reason).toBeNull();
      await deliversEverything(life);
    } finally {
      await life.end();
    }
  });
});

/** What happens to a feed, as changes of its facts; null where it cannot happen or changes nothing. */
const events: ((facts: FeedFacts) => FeedFacts | null)[] = [
  // A list of accounts is read, which marks the connection as accepted and shows the status of the account.
  (facts) => checked(facts, 'active'),
  (facts) => checked(facts, facts.account === 'waiting' ? 'waiting' : 'inactive'),
  (facts) => ({ ...facts, connection: 'refused', syncing: facts.operator === 'closed' && facts.syncing }),
  (facts) => (facts.operator === 'closed' ? null : { ...facts, operator: 'paused', syncing: false }),
  (facts) => (facts.operator === 'closed' ? null : { ...facts, operator: 'running' }),
  (facts) => ({ ...facts, operator: 'closed', syncing: false }),
  (facts) =>
    facts.operator === 'closed'
      ? { ...facts, operator: 'running', account: 'waiting', syncing: false }
      : null,
  // A batch is built; nothing is left to be built.
  (facts) => (maySend(facts) ? { ...facts, syncing: true } : null),
  (facts) => (maySend(facts) ? { ...facts, caughtUp: true, syncing: false } : null),
];

function checked(facts: FeedFacts, account: FeedFacts['account']): FeedFacts {
  const recovered: FeedFacts = { ...facts, connection: 'ok' };
  if (facts.operator === 'closed') return recovered;
  const activated = account === 'active' && facts.account !== 'active';
  return { ...recovered, account, caughtUp: facts.caughtUp && !activated };
}

/** Every pair of different states that one event leads between, from a feed just published on. */
function pairsOfStates(): Set<string> {
  const published: FeedFacts = {
    operator: 'running',
    connection: 'ok',
    account: 'waiting',
    published: true,
    caughtUp: false,
    syncing: false,
  };
  const seen = new Map([[JSON.stringify(published), published]]);
  const pairs = new Set<string>();
  for (const facts of seen.values()) {
    for (const event of events) {
      const after = event(facts);
      if (after === null) continue;
      if (feedState(after) !== feedState(facts)) pairs.add(`${feedState(facts)} → ${feedState(after)}`);
      seen.set(JSON.stringify(after), after);
    }
  }
  return pairs;
}
