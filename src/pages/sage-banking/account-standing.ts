import { sageCheckLateMs } from '../../domain/sage-banking/account-limits.js';
import type { StoredReason } from '../../domain/feed-status.js';
import { sageFeedStatus } from '../../domain/sage-banking/feed-status.js';
import type { SageAccountStatus } from '../../domain/sage-banking/states.js';
import type { SageTexts } from './texts.js';

export type StandingTone = '' | 'is-good' | 'is-waiting';

/** What the status of an account for display depends on. Instants are ISO text. */
export interface StandingFacts extends StoredReason {
  readonly status: SageAccountStatus;
  /** Its disconnection was requested. */
  readonly isDisconnecting: boolean;
  readonly lastReadAt: string | null;
  readonly nextReadAt: string | null;
}

/** The status of an account for display: label and color, advice, and the failure that keeps it from being read. */
export interface AccountStanding {
  readonly label: string;
  readonly tone: StandingTone;
  readonly advice: string;
  readonly failure: string | undefined;
}

/** "Up to date" is said only of an account that was read, is read again in time, and is not being disconnected. */
export function accountStanding({ sage }: SageTexts, facts: StandingFacts, nowMs: number): AccountStanding {
  const { status, isDisconnecting } = facts;
  const { reason } = sageFeedStatus(facts);
  if (status === 'cancelled') return { ...sage.states.cancelled, tone: '', failure: undefined };
  const isLate = facts.nextReadAt !== null && nowMs - Date.parse(facts.nextReadAt) > sageCheckLateMs;
  const failure = reason !== null ? failureOf(sage, reason) : isLate ? sage.late : undefined;
  if (isDisconnecting) return { ...sage.disconnecting, tone: 'is-waiting', failure };
  if (status !== 'active') return { ...sage.states[status], tone: 'is-waiting', failure };
  // One sentence: what keeps new transactions away says it all.
  if (failure !== undefined) {
    return { label: sage.heldUp, tone: 'is-waiting', advice: failure, failure: undefined };
  }
  if (facts.lastReadAt === null) return { ...sage.neverRead, tone: 'is-waiting', failure: undefined };
  return { ...sage.states.active, tone: 'is-good', failure: undefined };
}

function failureOf({ failures, failure }: SageTexts['sage'], reason: string): string {
  const known: Readonly<Record<string, string>> = failures;
  return Object.hasOwn(known, reason) ? (known[reason] ?? failure) : failure;
}
