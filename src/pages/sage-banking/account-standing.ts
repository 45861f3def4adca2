import { sageCheckLateMs } from '../../domain/sage-banking/account-limits.js';
import type { SageAccountStatus } from '../../domain/sage-banking/states.js';
import type { SageTexts } from './texts.js';

export type StandingTone = '' | 'is-good' | 'is-waiting';

/** What the status of an account for display depends on. Instants are ISO text. */
export interface StandingFacts {
  readonly status: SageAccountStatus;
  readonly reason: string | null;
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
export function accountStanding(
  { sage }: SageTexts,
  facts: StandingFacts,
  nowMs: number = Date.now(),
): AccountStanding {
  const { status, reason } = facts;
  if (status === 'cancelled') return { ...sage.states.cancelled, tone: '', failure: undefined };
  const isLate = facts.nextReadAt !== null && nowMs - Date.parse(facts.nextReadAt) > sageCheckLateMs;
  const isHeldUp = reason !== null || isLate;
  const failure = reason !== null ? failureOf(sage, reason) : isLate ? sage.late : undefined;
  const shown = facts.isDisconnecting
    ? sage.disconnecting
    : status !== 'active'
      ? sage.states[status]
      : isHeldUp
        ? sage.heldUp
        : facts.lastReadAt === null
          ? sage.neverRead
          : sage.states.active;
  return { ...shown, tone: shown === sage.states.active ? 'is-good' : 'is-waiting', failure };
}

function failureOf({ failures, failure }: SageTexts['sage'], reason: string): string {
  const known: Readonly<Record<string, string>> = failures;
  return Object.hasOwn(known, reason) ? (known[reason] ?? failure) : failure;
}
