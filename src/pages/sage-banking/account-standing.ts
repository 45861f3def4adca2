import type { SageAccountStatus } from '../../domain/sage-banking/states.js';
import type { SageTexts } from './texts.js';

export type StandingTone = '' | 'is-good' | 'is-waiting';

const tones: Record<SageAccountStatus, StandingTone> = {
  pending: 'is-waiting',
  active: 'is-good',
  authRequired: 'is-waiting',
  cancelled: '',
};

/** The status of an account for display: label and color, advice, and the failure that keeps it from being read. */
export interface AccountStanding {
  readonly label: string;
  readonly tone: StandingTone;
  readonly advice: string;
  readonly failure: string | undefined;
}

/** An account that cannot be read is not shown as up to date, whatever its last status at Sage. */
export function accountStanding(
  { sage }: SageTexts,
  { status, reason }: { status: SageAccountStatus; reason: string | null },
): AccountStanding {
  const isHeldUp = reason !== null && status !== 'cancelled';
  const { label, advice } = isHeldUp && status === 'active' ? sage.heldUp : sage.states[status];
  return {
    label,
    advice,
    tone: isHeldUp ? 'is-waiting' : tones[status],
    failure: isHeldUp ? failureOf(sage, reason) : undefined,
  };
}

function failureOf({ failures, failure }: SageTexts['sage'], reason: string): string {
  const known: Readonly<Record<string, string>> = failures;
  return Object.hasOwn(known, reason) ? (known[reason] ?? failure) : failure;
}
