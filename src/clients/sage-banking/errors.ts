import {
  ProviderError,
  type ProviderErrorMeaning,
  type UnknownOutcomeReason,
} from '../http/provider-error.js';
import { notFoundErrorCode } from './assumptions.js';
import { applicationOperations, type SageOperation } from './operations.js';

/** Base of all errors of the client. `errorMessage` is the provider message, redacted and truncated, for operators. */
abstract class SageErrorBase extends ProviderError {
  override readonly operation: SageOperation;
  constructor(message: string, operation: SageOperation) {
    super(message);
    this.operation = operation;
  }
}

/** The request was certainly not sent: the connection was refused, or the name or certificate failed. */
export class SageUnreachable extends SageErrorBase {
  override readonly kind = 'unreachable';
  override readonly meaning = 'unavailable';
  override readonly name = 'SageUnreachable';
  readonly code: string;
  constructor(input: { operation: SageOperation; code: string }) {
    super(`${input.operation}: not reached (${input.code})`, input.operation);
    this.code = input.code;
  }
}

/** No answer, or none that says what happened. A call that changes nothing is simply repeated. */
export class SageOutcomeUnknown extends SageErrorBase {
  override readonly kind = 'outcome_unknown';
  override readonly meaning = 'unavailable';
  override readonly name = 'SageOutcomeUnknown';
  readonly reason: UnknownOutcomeReason;
  /** Absent when no status line arrived. */
  override readonly httpStatus: number | undefined;
  readonly detail: string | undefined;
  constructor(input: {
    operation: SageOperation;
    reason: UnknownOutcomeReason;
    httpStatus?: number | undefined;
    detail?: string | undefined;
  }) {
    const cause = [input.reason, input.httpStatus].filter(Boolean).join(' ');
    super(`${input.operation}: outcome unknown (${cause})`, input.operation);
    this.reason = input.reason;
    this.httpStatus = input.httpStatus;
    this.detail = input.detail;
  }
}

interface Refusal {
  operation: SageOperation;
  httpStatus: number;
  /** Sage's error code, in camel case (assumed, contract 13); null when there is none. */
  errorCode: string | null;
  /** The provider message. */
  errorMessage: string | null;
  /** What is wrong with which field of the request. */
  fields?: readonly SageFieldProblem[];
}

export interface SageFieldProblem {
  readonly field: string;
  readonly reason: string;
}

abstract class SageRefusalBase extends SageErrorBase {
  override readonly httpStatus: number;
  override readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly fields: readonly SageFieldProblem[];
  protected constructor(what: string, input: Refusal) {
    const code = input.errorCode === null ? '' : ` ${input.errorCode}`;
    super(`${input.operation}: ${what} (${String(input.httpStatus)}${code})`, input.operation);
    this.httpStatus = input.httpStatus;
    this.errorCode = input.errorCode;
    this.errorMessage = input.errorMessage;
    this.fields = input.fields ?? [];
  }
}

/** A 4xx: the same request will be refused again. 404 and 409 are among them: see `httpStatus`. */
export class SageRefused extends SageRefusalBase {
  override readonly kind = 'refused';
  override readonly meaning = 'refused';
  override readonly name = 'SageRefused';
  constructor(input: Refusal) {
    super('refused', input);
  }
}

/** 410: a poll route that was used before, or is not Sage's. */
export class SageGone extends SageRefusalBase {
  override readonly kind = 'gone';
  override readonly meaning = 'refused';
  override readonly name = 'SageGone';
  constructor(input: Refusal) {
    super('gone', input);
  }
}

/** 401 with a fresh token or signature, or 403: application, signing key or company are not accepted. */
export class SageUnauthorized extends SageRefusalBase {
  override readonly kind = 'unauthorized';
  override readonly meaning: ProviderErrorMeaning;
  override readonly name = 'SageUnauthorized';
  constructor(input: Refusal) {
    super('not accepted', input);
    this.meaning = applicationOperations.has(input.operation) ? 'credentials_rejected' : 'connection_refused';
  }
}

/** 429. */
export class SageRateLimited extends SageRefusalBase {
  override readonly kind = 'rate_limited';
  override readonly meaning = 'rate_limited';
  override readonly name = 'SageRateLimited';
  /** From `Retry-After`, capped; undefined when absent or invalid. */
  override readonly retryAfterMs: number | undefined;
  constructor(input: Refusal & { retryAfterMs: number | undefined }) {
    super('rate limited', input);
    this.retryAfterMs = input.retryAfterMs;
  }
}

/** An address in an answer of Sage's is not allowed: a poll route of a foreign host, a redirect that is not https. */
export class SageForeignAddress extends SageErrorBase {
  override readonly kind = 'foreign_address';
  override readonly meaning = 'refused';
  override readonly name = 'SageForeignAddress';
  /** The host alone, for operators; the rest of the address may be a secret. */
  readonly host: string;
  constructor(input: { operation: SageOperation; host: string }) {
    super(`${input.operation}: an address of ${input.host} is not called`, input.operation);
    this.host = input.host;
  }
}

/** The installation lacks what the call needs: no signing key (cloud customers), no provider (desktop ones). */
export class SageNotConfigured extends SageErrorBase {
  override readonly kind = 'not_configured';
  override readonly meaning = 'credentials_rejected';
  override readonly name = 'SageNotConfigured';
  readonly variable: string;
  constructor(input: { operation: SageOperation; variable: string }) {
    super(`${input.operation}: ${input.variable} is not set`, input.operation);
    this.variable = input.variable;
  }
}

export type SageError =
  | SageUnreachable
  | SageOutcomeUnknown
  | SageRefused
  | SageGone
  | SageUnauthorized
  | SageRateLimited
  | SageForeignAddress
  | SageNotConfigured;

/** Whether an error is one of this client's; `kind` then says which. */
export function isSageError(error: unknown): error is SageError {
  return error instanceof SageErrorBase;
}

/** A refusal of the call itself; a refusal of the token that it needs first says nothing about the path. */
function isRefusedWith(error: unknown, httpStatus: number): error is SageRefused {
  return (
    error instanceof SageRefused && error.httpStatus === httpStatus && error.operation !== 'getAccessToken'
  );
}

/** Whether the resource in the path does not exist. A gateway may have answered this: see {@link isUnknownToSage}. */
export function isSageNotFound(error: unknown): error is SageRefused {
  return isRefusedWith(error, 404);
}

/** The same with Sage's own error code. Anything that cannot be undone requires this one. */
export function isUnknownToSage(error: unknown): error is SageRefused {
  return isSageNotFound(error) && error.errorCode === notFoundErrorCode;
}

/** Whether Sage answered that the resource exists already, or that its state does not allow the call. */
export function isSageConflict(error: unknown): error is SageRefused {
  return isRefusedWith(error, 409);
}

/** Whether the answer is longer than what is read of one: asking for less may help. */
export function isSageAnswerTooLarge(error: unknown): error is SageOutcomeUnknown {
  return error instanceof SageOutcomeUnknown && error.reason === 'body_too_large';
}

/** Whether Sage answered that the request is not valid, for example for this account at this time. */
export function isSageInvalid(error: unknown): error is SageRefused {
  return isRefusedWith(error, 400);
}
