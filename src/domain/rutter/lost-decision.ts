import type { FeedState, OperatorFact } from '../feed.js';

/** A decision of an operator that a restored database may have lost. */
export type LostDecision = 'pause' | 'resume' | 'close' | 'reopen';

/**
 * What the difference between a feed's workflow and its row says, after the row came back from an earlier moment. What the
 * workflow last showed is newer than the row. Null: they agree, or nothing can be concluded.
 */
export function lostDecision(input: {
  /** What the workflow last showed; null: nothing yet. */
  readonly shown: FeedState | null;
  readonly operator: OperatorFact;
}): LostDecision | null {
  const { shown, operator } = input;
  if (shown === null) return null;
  if (operator === 'closed') return shown === 'closed' ? null : 'reopen';
  if (shown === 'closed') return 'close';
  const isPaused = operator === 'paused';
  if ((shown === 'paused') === isPaused) return null;
  return isPaused ? 'resume' : 'pause';
}

/** What is sent cannot be taken back: until an operator has decided, the feed sends nothing. */
export function mustPause(decision: LostDecision): boolean {
  return decision === 'pause' || decision === 'close';
}
