import { describe, expect, it } from 'vitest';
import {
  feedState,
  feedStates,
  providerUnavailableReason,
  unexpectedReason,
  type FeedFacts,
  type FeedState,
} from '../../../src/domain/feed.js';
import {
  allowedActions,
  isBlocked,
  otherFeedBlockedReason,
  maySend,
  blockReasons,
} from '../../../src/domain/rutter/feed.js';

/** Every combination of the facts. */
const everyFacts: FeedFacts[] = (['running', 'paused', 'closed'] as const).flatMap((operator) =>
  (['ok', 'refused', 'unavailable'] as const).flatMap((connection) =>
    (['waiting', 'active', 'inactive'] as const).flatMap((account) =>
      [false, true].flatMap((published) =>
        [false, true].flatMap((caughtUp) =>
          [false, true].map((syncing) => ({ operator, connection, account, published, caughtUp, syncing })),
        ),
      ),
    ),
  ),
);

/** The condition of each state; the first one that applies is the state of the feed. */
const precedence: readonly (readonly [FeedState, (facts: FeedFacts) => boolean])[] = [
  ['closed', (facts) => facts.operator === 'closed'],
  ['paused', (facts) => facts.operator === 'paused'],
  ['reauth_required', (facts) => facts.connection === 'refused'],
  ['disconnected', (facts) => facts.account === 'inactive'],
  ['created', (facts) => !facts.published],
  ['awaiting_activation', (facts) => facts.account === 'waiting'],
  ['backfilling', (facts) => !facts.caughtUp],
  ['syncing', (facts) => facts.syncing],
  ['live', () => true],
];

describe('feedState', () => {
  it('is the state of highest precedence, for every combination of the facts', () => {
    expect(everyFacts).toHaveLength(216);
    for (const facts of everyFacts) {
      const expected = precedence.find(([, applies]) => applies(facts))?.[0];
      expect([facts, feedState(facts)]).toEqual([facts, expected]);
    }
  });

  it('can be each of the states', () => {
    expect(new Set(everyFacts.map(feedState))).toEqual(new Set(feedStates));
  });

  it('stays paused when the connection recovers, and refused when the feed is resumed', () => {
    const facts: FeedFacts = {
      operator: 'paused',
      connection: 'refused',
      account: 'active',
      published: true,
      caughtUp: true,
      syncing: false,
    };
    expect(feedState(facts)).toBe('paused');
    expect(feedState({ ...facts, connection: 'ok' })).toBe('paused');
    expect(feedState({ ...facts, operator: 'running' })).toBe('reauth_required');
  });
});

describe('maySend', () => {
  it('is true exactly in the states that send', () => {
    const sending: readonly FeedState[] = ['backfilling', 'syncing', 'live'];
    for (const facts of everyFacts) {
      expect([facts, maySend(facts)]).toEqual([facts, sending.includes(feedState(facts))]);
    }
  });

  it('is true while Rutter is only unavailable, and false when it refuses the connection', () => {
    const facts: FeedFacts = {
      operator: 'running',
      connection: 'unavailable',
      account: 'active',
      published: true,
      caughtUp: true,
      syncing: false,
    };
    expect(maySend(facts)).toBe(true);
    expect(maySend({ ...facts, connection: 'refused' })).toBe(false);
  });
});

describe('allowedActions', () => {
  it('depends only on what the operator requested before', () => {
    const allowed = {
      running: ['pause', 'resume', 'sync', 'close'],
      paused: ['pause', 'resume', 'close'],
      closed: ['close'],
    };
    for (const facts of everyFacts) expect(allowedActions(facts)).toEqual(allowed[facts.operator]);
  });

  it('allows an action in every state but closed', () => {
    for (const facts of everyFacts) {
      const actions = allowedActions(facts);
      expect(actions).toContain('close');
      expect(actions.includes('resume')).toBe(feedState(facts) !== 'closed');
    }
  });
});

describe('isBlocked', () => {
  it('is true for reasons that need a person, and false for transient failures', () => {
    for (const reason of blockReasons) expect(isBlocked(reason)).toBe(true);
    const passing = [null, '', providerUnavailableReason, otherFeedBlockedReason, unexpectedReason, 'paused'];
    for (const reason of passing) expect(isBlocked(reason)).toBe(false);
  });
});
