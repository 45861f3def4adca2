import { failureTypes } from '../../../domain/failures.js';
import type { HandoffReason, HandoffState } from '../../../domain/rutter/handoff.js';
import type { HandoffStatus } from './messages.js';

/** What a run of the handoff holds: ids, facts and times; the row has the rest. */
export interface LoginHandoffState {
  readonly handoffId: string;
  /** The first customer who logged in; later ones are turned away. */
  customerId: string | null;
  /** The choice stands in the row. */
  shared: boolean;
  step: HandoffStatus['step'];
  /** Epoch ms; null until the row has been read. */
  deadlineMs: number | null;
}

/** How a handoff ends, before its row is written. */
export type HandoffEnding =
  /** The answer waits to be taken until the deadline. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'refused'; readonly reason: HandoffReason; readonly errorCode?: string }
  | { readonly kind: 'expired'; readonly reason: HandoffReason | null }
  /** The row says already how it ended. */
  | { readonly kind: 'over'; readonly state: HandoffState };

export function initialState(handoffId: string): LoginHandoffState {
  return { handoffId, customerId: null, shared: false, step: 'waiting_for_login', deadlineMs: null };
}

/** The first customer wins. Answers false when another one was first. */
export function recordLogin(state: LoginHandoffState, customerId: string): boolean {
  state.customerId ??= customerId;
  return state.customerId === customerId;
}

/** What is left until the deadline; zero or less when it has passed or is not known yet. */
export function remainingMs(state: LoginHandoffState, nowMs: number): number {
  return state.deadlineMs === null ? 0 : state.deadlineMs - nowMs;
}

/** Whether a row in this state has nothing left to do, but for waiting that its answer is taken. */
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

/** The ending that an activity's answer means when it is not the one the handoff goes on with. */
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
 * The ending that an activity's final failure means: by its type, never by its text. Everything that is not a refusal
 * was retried until the deadline.
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
    default:
      return { kind: 'expired', reason: 'provider_unavailable' };
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
  connecting: 'Finding or making the connection at Rutter.',
  publishing: 'Publishing the chosen accounts at Rutter.',
  asking_otp: 'Asking Rutter for the one-time password.',
  ready: 'The browser may go back to Sage. Waiting for the deadline to tidy up.',
  done: 'The browser went back to Sage.',
  superseded: 'The customer went on in another window.',
  expired: 'The time was over before the handoff was complete.',
  refused: 'The handoff could not go on; the customer has seen the reason.',
};

/** Plain words for operators in the Temporal UI. */
export function describe(state: LoginHandoffState): string {
  return sentences[state.step];
}
