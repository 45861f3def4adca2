import { describe, expect, it } from 'vitest';
import { lostDecision, mustPause } from '../../../src/domain/rutter/lost-decision.js';

describe('what differs between a workflow and the row of a restored database', () => {
  it.each([
    ['live', 'running', null],
    ['reauth_required', 'running', null],
    ['paused', 'paused', null],
    ['closed', 'closed', null],
    [null, 'running', null],
    [null, 'paused', null],
    ['paused', 'running', 'pause'],
    ['live', 'paused', 'resume'],
    ['awaiting_activation', 'paused', 'resume'],
    ['closed', 'running', 'close'],
    ['closed', 'paused', 'close'],
    ['live', 'closed', 'reopen'],
    ['paused', 'closed', 'reopen'],
  ] as const)('shown %s, row %s: %s', (shown, operator, expected) => {
    expect(lostDecision({ shown, operator })).toBe(expected);
  });

  it('stops the feed only where sending might be wrong', () => {
    expect((['pause', 'close', 'resume', 'reopen'] as const).map(mustPause)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
