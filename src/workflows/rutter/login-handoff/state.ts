import { failureTypes } from '../../../domain/failures.js';
import type { HandoffReason, HandoffState, PartialSharing } from '../../../domain/rutter/handoff.js';
import type { HandoffStatus } from './messages.js';

/** The state of a run: ids, facts and times; the row has the rest. */
export interface LoginHandoffState {
  readonly handoffId: string;
  /** The first customer who logged in; others are refused. */
  customerId: string | null;
  /** The choice of accounts is stored in the row. */
  shared: boolean;
  /** Signals `accountsShared` so far: each says that the row has a new choice. */
  choices: number;
  step: HandoffStatus['step'];
  /** Epoch ms; null until the row has been read. */
  deadlineMs: number | null;
}

/** How a handoff ends, before its row is written. */
export type HandoffEnding =
  /** The redirect waits for the browser until the deadline. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'refused'; readonly reason: HandoffReason; readonly errorCode?: string }
  | { readonly kind: 'expired'; readonly reason: HandoffReason | null }
  /** The row already has the end. */
  | { readonly kind: 'over'; readonly state: HandoffState };

export function initialState(handoffId: string): LoginHandoffState {
  return {
    handoffId,
    customerId: null,
    shared: false,
    choices: 0,
    step: 'waiting_for_login',
    deadlineMs: null,
  };
}

/** The first customer wins. Returns false when another one was first. */
export function recordLogin(state: LoginHandoffState, customerId: string): boolean {
  state.customerId ??= customerId;
  return state.customerId === customerId;
}

/** Time left until the deadline; zero or less when it has passed or is not known yet. */
export function remainingMs(state: LoginHandoffState, nowMs: number): number {
  return state.deadlineMs === null ? 0 : state.deadlineMs - nowMs;
}

/** The ending of a handoff whose row is in this state; null while it can still go on. */
export function endingOfState(state: HandoffState): HandoffEnding | null {
  switch (state) {
    case 'opened':
    case 'logged_in':
    case 'sharing':
      return null;
    case 'ready':
      return { kind: 'ready' };
    case 'taken':
    case 'superseded':
    case 'refused':
    case 'expired':
      return { kind: 'over', state };
  }
}

/**
 * What the customer's answer means, once it is in the row: null while the question is open, `go_on` or the ending.
 */
export function decisionOf(row: {
  readonly state: HandoffState;
  readonly partialSharing?: PartialSharing | null;
}): 'go_on' | HandoffEnding | null {
  const ended = endingOfState(row.state);
  if (ended !== null) return ended;
  const answer = row.partialSharing ?? null;
  switch (answer) {
    case 'asked':
      return null;
    case 'declined':
      return { kind: 'refused', reason: 'declined' };
    case 'accepted':
    case null:
      return 'go_on';
  }
}

/** The ending that follows from an activity's result with which the handoff cannot go on. */
export function endingOfOutcome(
  result:
    | { readonly outcome: 'refused'; readonly reason: HandoffReason; readonly errorCode?: string }
    | { readonly outcome: 'over'; readonly state: HandoffState }
    | { readonly outcome: 'too_late' },
): HandoffEnding {
  switch (result.outcome) {
    case 'refused': {
      const { reason, errorCode } = result;
      return { kind: 'refused', reason, ...(errorCode === undefined ? {} : { errorCode }) };
    }
    case 'over':
      // Still sharing, but not allowed to go on: the database's clock is past the deadline.
      return endingOfState(result.state) ?? { kind: 'expired', reason: null };
    case 'too_late':
      return { kind: 'expired', reason: null };
  }
}

/**
 * The ending that follows from an activity's final failure: by its type, never by its text. All failures but refusals
 * were retried until the deadline. Without a reason the row decides: it knows what failed last, and whether a worker was
 * there at all.
 */
export function endingOfFailure(type: string | null | undefined, errorCode?: string): HandoffEnding {
  const refused = (reason: HandoffReason): HandoffEnding => ({
    kind: 'refused',
    reason,
    ...(errorCode === undefined ? {} : { errorCode }),
  });
  switch (type) {
    case failureTypes.refused:
      return refused('provider_refused');
    case failureTypes.connectionRefused:
      return refused('connection_refused');
    case failureTypes.credentialsRejected:
      return refused('credentials_rejected');
    case failureTypes.obsolete:
      return { kind: 'expired', reason: null };
    case failureTypes.providerUnavailable:
    case failureTypes.rateLimited:
      return { kind: 'expired', reason: 'provider_unavailable' };
    case failureTypes.databaseUnavailable:
      return { kind: 'expired', reason: 'service_unavailable' };
    default:
      return { kind: 'expired', reason: null };
  }
}

/** The step that the status shows for an ending. */
export function stepOfEnding(ending: HandoffEnding): HandoffStatus['step'] {
  switch (ending.kind) {
    case 'ready':
      return 'ready';
    case 'refused':
      return 'refused';
    case 'expired':
      return 'expired';
    case 'over':
      return ending.state === 'taken' ? 'done' : stepOfOver(ending.state);
  }
}

function stepOfOver(state: HandoffState): HandoffStatus['step'] {
  if (state === 'superseded' || state === 'refused') return state;
  return 'expired';
}

const sentences: Readonly<Record<HandoffStatus['step'], string>> = {
  waiting_for_login: 'Waiting for the customer to log in.',
  waiting_for_accounts: 'The customer has logged in. Waiting for the choice of accounts.',
  connecting: 'Finding or creating the connection at Rutter.',
  publishing: 'Publishing the chosen accounts at Rutter.',
  waiting_for_decision:
    'Some accounts cannot be published. The customer is asked whether to go on with the others.',
  asking_otp: 'Creating the one-time password at Rutter.',
  ready: 'The browser may return to Sage. Waiting for the deadline to clear the redirect.',
  done: 'The browser has returned to Sage.',
  superseded: 'The customer continued in another window.',
  expired: 'The deadline passed before the handoff was complete.',
  refused: 'The handoff was refused; the page shows the customer the reason.',
};

/** The current details in the Temporal UI, for operators. */
export function describe(state: LoginHandoffState): string {
  return sentences[state.step];
}
