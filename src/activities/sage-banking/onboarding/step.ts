import { isSageError } from '../../../clients/sage-banking/errors.js';
import { transaction, type Queryable } from '../../../db/pool.js';
import { recordOnboardingFailure } from '../../../db/sage-banking/onboarding-steps.js';
import { lockSageOnboarding, type SageOnboardingRow } from '../../../db/sage-banking/onboardings.js';
import type { SageOnboardingFailure } from '../../../domain/sage-banking/onboarding.js';
import type { SageBankingDeps, SageBankingParts } from '../deps.js';

/** What a step of an onboarding works with. */
export interface StepContext {
  readonly deps: SageBankingDeps;
  readonly sage: SageBankingParts;
  /** As it stood when the step began; what is written goes by the locked row. */
  readonly row: SageOnboardingRow;
  readonly signal: AbortSignal;
}

/** What comes after a step. */
export type StepEnd =
  /** The next step, at once. */
  | { readonly next: 'again' }
  /** Nothing until a person has done something, or this time has passed; null: no time of its own. */
  | { readonly next: 'wait'; readonly waitMs: number | null }
  /** The same step again after a growing wait, or the one that Sage asked for. */
  | { readonly next: 'later'; readonly slowly: boolean; readonly retryAfterMs?: number }
  | { readonly next: 'over' };

export const again: StepEnd = { next: 'again' };

/** Works on the row under its lock, in one transaction; null when it is gone. */
export async function underLock<T>(
  { deps, row }: Pick<StepContext, 'deps'> & { readonly row: Pick<SageOnboardingRow, 'onboardingId'> },
  work: (db: Queryable, locked: SageOnboardingRow) => Promise<T>,
): Promise<T | null> {
  return await transaction(deps.pool, async (db) => {
    const locked = await lockSageOnboarding(db, row);
    return locked === null ? null : await work(db, locked);
  });
}

/** What passes by itself, or waits for an operator. */
interface Failure {
  readonly reason: SageOnboardingFailure;
  readonly message: string;
  /** Nobody's next minute will help. */
  readonly slowly: boolean;
  readonly retryAfterMs?: number;
}

/** What of an error is no answer about this customer; null for a refusal and for what is ours to mend. */
export function failureOf(error: unknown): Failure | null {
  if (!isSageError(error)) return null;
  switch (error.kind) {
    case 'unreachable':
    case 'outcome_unknown':
      return { reason: 'provider_unavailable', message: 'Sage does not answer.', slowly: false };
    case 'rate_limited': {
      const base = { reason: 'provider_unavailable', message: 'Sage asks to wait.', slowly: false } as const;
      return error.retryAfterMs === undefined ? base : { ...base, retryAfterMs: error.retryAfterMs };
    }
    case 'unauthorized':
      return {
        reason: 'sage_application_refused',
        message: `Sage does not accept our application${words(error.errorMessage)}`,
        slowly: true,
      };
    case 'refused':
    case 'gone':
    case 'foreign_address':
    case 'not_configured':
      return null;
  }
}

/** An installation without a signing key onboards no cloud products, one without a provider no desktop ones. */
export const notConfigured = {
  reason: 'not_configured',
  message: 'The service is not configured for customers of this kind of product.',
} as const;

/** Sage's own words behind a sentence of ours. */
export function words(said: string | null): string {
  return said === null ? '.' : `. Sage says: ${said}`;
}

/** Writes a failure to the row, while it stands where the step left it, and says when to try again. */
export async function later(context: StepContext, failure: Failure): Promise<StepEnd> {
  await underLock(context, async (db, locked) => {
    if (locked.state === context.row.state) await recordOnboardingFailure(db, locked, failure);
  });
  return laterEnd(failure);
}

export function laterEnd({ slowly, retryAfterMs }: Omit<Failure, 'reason' | 'message'>): StepEnd {
  return { next: 'later', slowly, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
