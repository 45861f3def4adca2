import { isSageError } from '../../../clients/sage-banking/errors.js';
import { transaction, type Queryable } from '../../../db/pool.js';
import { recordOnboardingFailure } from '../../../db/sage-banking/onboarding-steps.js';
import { lockSageOnboarding, type SageOnboardingRow } from '../../../db/sage-banking/onboardings.js';
import type { SageOnboardingFailure } from '../../../domain/sage-banking/onboarding.js';
import type { SageBankingDeps, SageBankingParts } from '../deps.js';

/** The input of a step of an onboarding. */
export interface StepContext {
  readonly deps: SageBankingDeps;
  readonly sage: SageBankingParts;
  /** As read when the step began; writes depend on the locked row. */
  readonly row: SageOnboardingRow;
  readonly signal: AbortSignal;
}

/** What comes after a step. */
export type StepEnd =
  /** The next step, at once. */
  | { readonly next: 'again' }
  /** Wait until a person acts, or this time has passed; null: no time limit. */
  | { readonly next: 'wait'; readonly waitMs: number | null }
  /** The same step again after a growing wait, or after the wait that Sage asked for. */
  | { readonly next: 'later'; readonly slowly: boolean; readonly retryAfterMs?: number }
  | { readonly next: 'over' };

export const again: StepEnd = { next: 'again' };

/** Runs `work` on the locked row, in one transaction; null when the row does not exist. */
export async function underLock<T>(
  { deps, row }: Pick<StepContext, 'deps'> & { readonly row: Pick<SageOnboardingRow, 'onboardingId'> },
  work: (db: Queryable, locked: SageOnboardingRow) => Promise<T>,
): Promise<T | null> {
  return await transaction(deps.pool, async (db) => {
    const locked = await lockSageOnboarding(db, row);
    return locked === null ? null : await work(db, locked);
  });
}

/** A failure that is retried, some after an operator has acted. */
export interface Failure {
  readonly reason: SageOnboardingFailure;
  readonly message: string;
  /** A retry within minutes cannot help. */
  readonly slowly: boolean;
  readonly retryAfterMs?: number;
}

/** The failure to retry after an error; null for a refusal and for a bug of ours. */
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
        message: `Sage does not accept our application${providerSays(error.errorMessage)}`,
        slowly: true,
      };
    case 'refused':
    case 'gone':
    case 'foreign_address':
    case 'not_configured':
      return null;
  }
}

/** Without a signing key no cloud products can be onboarded, without a provider no desktop ones. */
export const notConfigured = {
  reason: 'not_configured',
  message: 'The service is not configured for customers of this kind of product.',
} as const;

/** Sage's message as the end of a sentence of ours. */
export function providerSays(said: string | null): string {
  return said === null ? '.' : `. Sage says: ${said}`;
}

/** Writes a failure to the row if its state has not changed since the step began, and returns when to retry. */
export async function later(context: StepContext, failure: Failure): Promise<StepEnd> {
  await underLock(context, async (db, locked) => {
    if (locked.state === context.row.state) await recordOnboardingFailure(db, locked, failure);
  });
  return laterEnd(failure);
}

export function laterEnd({ slowly, retryAfterMs }: Omit<Failure, 'reason' | 'message'>): StepEnd {
  return { next: 'later', slowly, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
