import { log } from '@temporalio/activity';
import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import { ProviderError } from '../../../clients/http/provider-error.js';
import { markHandoffWork, recordHandoffAttempt } from '../../../db/rutter/handoff-progress.js';
import { failureTypes } from '../../../domain/failures.js';
import { handoffDelayLimits } from '../../../domain/rutter/handoff-delay.js';
import type { HandoffFailureCause } from '../../../domain/rutter/handoff-end.js';
import { readFailure } from '../../failures.js';
import type { RutterDeps } from '../deps.js';

/**
 * Runs a step of a handoff and keeps its row informed, so that the customer's page can say who is not answering: a
 * worker is at it, the step succeeded, or its attempt failed and is repeated. The marks decide nothing: one that is lost
 * makes the page say less.
 */
export async function workOnHandoff<T>(
  deps: RutterDeps,
  { handoffId }: { handoffId: string },
  step: () => Promise<T>,
): Promise<T> {
  await markHandoffWork(deps.pool, { handoffId });
  const timer = setInterval(() => {
    void quietly(markHandoffWork(deps.pool, { handoffId }));
  }, handoffDelayLimits.workMarkEveryMs);
  try {
    const result = await step();
    await recordHandoffAttempt(deps.pool, { handoffId, failureCause: null });
    return result;
  } catch (error) {
    const failureCause = failureCauseOf(error);
    if (failureCause !== null) await quietly(recordHandoffAttempt(deps.pool, { handoffId, failureCause }));
    throw error;
  } finally {
    clearInterval(timer);
  }
}

async function quietly(mark: Promise<void>): Promise<void> {
  await mark.catch((error: unknown) => {
    log.warn('the progress of a handoff was not recorded', { error: String(error) });
  });
}

/** Whose failure it is; null for one that is not retried, which ends the handoff with its reason. */
export function failureCauseOf(error: unknown): HandoffFailureCause | null {
  if (error instanceof ApplicationFailure) {
    if (error.nonRetryable === true) return null;
    return error.type === failureTypes.providerUnavailable ? 'provider_unavailable' : 'service_unavailable';
  }
  // The worker stops: another one goes on.
  if (error instanceof TemporalFailure) return null;
  const { type, retryable } = readFailure(error);
  if (!retryable) return null;
  if (type === failureTypes.rateLimited) return 'rate_limited';
  return error instanceof ProviderError ? 'provider_unavailable' : 'service_unavailable';
}
