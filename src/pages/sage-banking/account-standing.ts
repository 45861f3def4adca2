import type { SageAccountStatus } from '../../domain/sage-banking/states.js';
import type { SageTexts } from './texts.js';

export type StandingTone = '' | 'is-good' | 'is-waiting';

const tones: Record<SageAccountStatus, StandingTone> = {
  pending: 'is-waiting',
  active: 'is-good',
  authRequired: 'is-waiting',
  cancelled: '',
};

/** How an account stands, for people: the word with its colour, what to do, and what stands in the way of reading it. */
export interface AccountStanding {
  readonly label: string;
  readonly tone: StandingTone;
  readonly advice: string;
  readonly failure: string | undefined;
}

/** An account that cannot be read is not up to date, whatever Sage said of it last. */
export function accountStanding(
  { sage }: SageTexts,
  { status, reason }: { status: SageAccountStatus; reason: string | null },
): AccountStanding {
  const isHeldUp = reason !== null && status !== 'cancelled';
  const { label, advice } = isHeldUp && status === 'active' ? sage.heldUp : sage.states[status];
  return {
    ...{ label, advice },
    tone: isHeldUp ? 'is-waiting' : tones[status],
    failure: isHeldUp ? failureOf(sage, reason) : undefined,
  };
}

function failureOf({ failures, failure }: SageTexts['sage'], reason: string): string {
  const known: Readonly<Record<string, string>> = failures;
  return Object.hasOwn(known, reason) ? (known[reason] ?? failure) : failure;
}
