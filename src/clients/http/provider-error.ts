/** How a call failed. Each class of error has one kind; a client's own errors are a union that `kind` discriminates. */
export type ProviderErrorKind =
  | 'unreachable'
  | 'outcome_unknown'
  | 'rate_limited'
  | 'unauthorized'
  | 'refused'
  | 'gone'
  | 'unexpected_answer'
  | 'foreign_address'
  | 'not_configured';

/**
 * What a failed call means to its caller, whichever provider was called. `activities/failures.ts` has one row for each.
 * `unavailable` passes by itself; `connection_refused` needs the customer or the provider, `credentials_rejected` an
 * operator; `refused` is final for this request; `unexpected_answer` was not understood and is never taken for a success.
 */
export type ProviderErrorMeaning =
  | 'unavailable'
  | 'rate_limited'
  | 'connection_refused'
  | 'credentials_rejected'
  | 'refused'
  | 'unexpected_answer';

/** Why the outcome of a request is not known. Redirects are among the reasons: they are never followed. */
export type UnknownOutcomeReason =
  | 'timeout'
  | 'aborted'
  | 'connection_lost'
  | 'server_error'
  | 'redirect'
  | 'body_too_large'
  | 'unreadable_body'
  | 'unexpected_shape';

/** Base of the errors of all provider clients. `message` holds no URL, token, body or customer data. */
export abstract class ProviderError extends Error {
  abstract readonly kind: ProviderErrorKind;
  abstract readonly meaning: ProviderErrorMeaning;
  /** The call, as logs and metrics name it. */
  abstract readonly operation: string;
  // Declared only: an error has these fields where its class defines them.
  /** Absent when no status line arrived. */
  declare readonly httpStatus?: number | undefined;
  /** The provider's class of error, for programs. */
  declare readonly errorType?: string | null;
  /** The provider's error code, for programs. */
  declare readonly errorCode?: string | null;
  /** The provider's id of the request, to quote to its support. */
  declare readonly requestId?: string | undefined;
  /** From `Retry-After`, at most `retryAfterMaxMs`. */
  declare readonly retryAfterMs?: number | undefined;
}
