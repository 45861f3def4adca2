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

/** What each state says of the facts, taken alone; the first that applies is the one people see. */
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
  it('shows the weightiest of the states that apply, for every combination of the facts', () => {
    expect(everyFacts).toHaveLength(216);
    for (const facts of everyFacts) {
      const expected = precedence.find(([, applies]) => applies(facts))?.[0];
      expect([facts, feedState(facts)]).toEqual([facts, expected]);
    }
  });

  it('can show each of its states', () => {
    expect(new Set(everyFacts.map(feedState))).toEqual(new Set(feedStates));
  });

  it('never lets a healed connection un-pause a feed, nor resuming hide a refusal', () => {
    const facts: FeedFacts = {
      ...{ operator: 'paused', connection: 'refused', account: 'active' },
      ...{ published: true, caughtUp: true, syncing: false },
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

  it('goes on while Rutter is only away, and stops when it refuses the connection', () => {
    const facts: FeedFacts = {
      ...{ operator: 'running', connection: 'unavailable', account: 'active' },
      ...{ published: true, caughtUp: true, syncing: false },
    };
    expect(maySend(facts)).toBe(true);
    expect(maySend({ ...facts, connection: 'refused' })).toBe(false);
  });
});

describe('allowedActions', () => {
  it('depends on nothing but what the operator asked before', () => {
    const allowed = {
      running: ['pause', 'resume', 'sync', 'close'],
      paused: ['pause', 'resume', 'close'],
      closed: ['close'],
    };
    for (const facts of everyFacts) expect(allowedActions(facts)).toEqual(allowed[facts.operator]);
  });

  it('keeps open a way out of every state but closed', () => {
    for (const facts of everyFacts) {
      const actions = allowedActions(facts);
      expect(actions).toContain('close');
      expect(actions.includes('resume')).toBe(feedState(facts) !== 'closed');
    }
  });
});

describe('isBlocked', () => {
  it('holds for the reasons that a person must check, and for no passing failure', () => {
    for (const reason of blockReasons) expect(isBlocked(reason)).toBe(true);
    const passing = [null, '', providerUnavailableReason, otherFeedBlockedReason, unexpectedReason, 'paused'];
    for (const reason of passing) expect(isBlocked(reason)).toBe(false);
  });
});
