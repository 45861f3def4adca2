import { ApplicationFailure } from '@temporalio/common';
import { ProviderError, type UnknownOutcomeReason } from '../clients/http/provider-error.js';
import { LimiterSaturated } from '../db/rate-limiter.js';
import type { DegradedCause } from '../domain/feed-status.js';
import { CredentialsRejected } from './failures.js';

/** The one table from errors to the causes of a degraded feed. */

const unknownOutcomes: Readonly<Record<UnknownOutcomeReason, DegradedCause>> = {
  timeout: 'provider_timeout',
  aborted: 'provider_timeout',
  connection_lost: 'connection_lost',
  server_error: 'provider_error',
  redirect: 'answer_not_understood',
  body_too_large: 'answer_not_understood',
  unreadable_body: 'answer_not_understood',
  unexpected_shape: 'answer_not_understood',
};

/** Why work that is retried by itself did not succeed. */
export function degradedCauseOf(error: unknown): DegradedCause {
  if (error instanceof CredentialsRejected) return 'credentials_rejected';
  if (error instanceof LimiterSaturated) return 'rate_limited';
  if (error instanceof ProviderError) return causeOfAnswer(error);
  // Made of a refusal that passes by itself: another batch in flight, an account that is not ready yet.
  if (error instanceof ApplicationFailure) return 'provider_refused';
  // By name, because activities may not import its class.
  if (error instanceof Error && error.name === 'WorkflowsUnavailable') return 'temporal_unavailable';
  return 'unexpected_failure';
}

function causeOfAnswer(error: ProviderError & { readonly reason?: UnknownOutcomeReason }): DegradedCause {
  switch (error.kind) {
    case 'unreachable':
      return 'provider_unreachable';
    case 'outcome_unknown':
      return error.reason === undefined ? 'connection_lost' : unknownOutcomes[error.reason];
    case 'unexpected_answer':
      return 'answer_not_understood';
    case 'rate_limited':
      return 'rate_limited';
    case 'not_configured':
      return 'unexpected_failure';
    case 'unauthorized':
    case 'refused':
    case 'gone':
    case 'foreign_address':
      return 'provider_refused';
  }
}
