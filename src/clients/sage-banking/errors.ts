import { notFoundErrorCode } from './assumptions.js';
import type { SageOperation } from './operations.js';

/**
 * What a call to Sage's Banking Service can end with besides an answer. Messages hold no secret, no address and no
 * data of a customer; Sage's own words stand in `errorMessage`, redacted and cut, for people.
 */
abstract class SageErrorBase extends Error {
  readonly operation: SageOperation;
  constructor(message: string, operation: SageOperation) {
    super(message);
    this.operation = operation;
  }
}

/** The request surely never left: nobody there, no such name. */
export class SageUnreachable extends SageErrorBase {
  readonly kind = 'unreachable';
  override readonly name = 'SageUnreachable';
  readonly code: string;
  constructor(input: { operation: SageOperation; code: string }) {
    super(`${input.operation}: not reached (${input.code})`, input.operation);
    this.code = input.code;
  }
}

export type InDoubtReason =
  | 'timeout'
  | 'aborted'
  | 'connection_lost'
  | 'server_error'
  | 'unreadable_body'
  | 'unexpected_shape'
  | 'body_too_large'
  | 'redirect';

/** No answer, or none that tells what happened. For a call that changes nothing it merely has to be made again. */
export class SageOutcomeUnknown extends SageErrorBase {
  readonly kind = 'outcome_unknown';
  override readonly name = 'SageOutcomeUnknown';
  readonly reason: InDoubtReason;
  /** Absent when no status line arrived. */
  readonly httpStatus: number | undefined;
  readonly detail: string | undefined;
  constructor(input: {
    operation: SageOperation;
    reason: InDoubtReason;
    httpStatus?: number | undefined;
    detail?: string | undefined;
  }) {
    const said = [input.reason, input.httpStatus].filter(Boolean).join(' ');
    super(`${input.operation}: outcome unknown (${said})`, input.operation);
    this.reason = input.reason;
    this.httpStatus = input.httpStatus;
    this.detail = input.detail;
  }
}

interface Refusal {
  operation: SageOperation;
  httpStatus: number;
  /** Sage's word for programs, in camel case (assumed, contract 13); null when there is none. */
  errorCode: string | null;
  errorMessage: string | null;
  /** What is wrong with which field of the request. */
  fields?: readonly SageFieldProblem[];
}

export interface SageFieldProblem {
  readonly field: string;
  readonly reason: string;
}

abstract class SageRefusalBase extends SageErrorBase {
  readonly httpStatus: number;
  readonly errorCode: string | null;
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
  readonly kind = 'refused';
  override readonly name = 'SageRefused';
  constructor(input: Refusal) {
    super('refused', input);
  }
}

/** 410: a poll route that is spent, or not Sage's. */
export class SageGone extends SageRefusalBase {
  readonly kind = 'gone';
  override readonly name = 'SageGone';
  constructor(input: Refusal) {
    super('gone', input);
  }
}

/** 401 with a fresh token or signature, or 403: application, signing key or company are not accepted. */
export class SageUnauthorized extends SageRefusalBase {
  readonly kind = 'unauthorized';
  override readonly name = 'SageUnauthorized';
  constructor(input: Refusal) {
    super('not accepted', input);
  }
}

/** 429. */
export class SageRateLimited extends SageRefusalBase {
  readonly kind = 'rate_limited';
  override readonly name = 'SageRateLimited';
  /** From `Retry-After`, capped; undefined when absent or senseless. */
  readonly retryAfterMs: number | undefined;
  constructor(input: Refusal & { retryAfterMs: number | undefined }) {
    super('rate limited', input);
    this.retryAfterMs = input.retryAfterMs;
  }
}

/** An address that Sage gave is not one we go to: a poll route of a foreign host, a redirect that is not https. */
export class SageForeignAddress extends SageErrorBase {
  readonly kind = 'foreign_address';
  override readonly name = 'SageForeignAddress';
  /** Host alone, for people; the rest of the address may be a secret. */
  readonly host: string;
  constructor(input: { operation: SageOperation; host: string }) {
    super(`${input.operation}: an address of ${input.host} is not called`, input.operation);
    this.host = input.host;
  }
}

/** The installation lacks what the call needs: no signing key (cloud customers), no provider (desktop ones). */
export class SageNotConfigured extends SageErrorBase {
  readonly kind = 'not_configured';
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

/** Whether an error is one of this client's; then `kind` tells which. */
export function isSageError(error: unknown): error is SageError {
  return error instanceof SageErrorBase;
}

/** A refusal of the call itself: one of the token that it needs first says nothing of what the path names. */
function isRefusedWith(error: unknown, httpStatus: number): error is SageRefused {
  return (
    error instanceof SageRefused && error.httpStatus === httpStatus && error.operation !== 'getAccessToken'
  );
}

/** Whether the answer is that what the path names does not exist. A gateway may have said so: see {@link isUnknownToSage}. */
export function isSageNotFound(error: unknown): error is SageRefused {
  return isRefusedWith(error, 404);
}

/** The same in Sage's own words: what is done for good rests on no less. */
export function isUnknownToSage(error: unknown): error is SageRefused {
  return isSageNotFound(error) && error.errorCode === notFoundErrorCode;
}

/** Whether Sage says that it exists already, or that its state does not allow this. */
export function isSageConflict(error: unknown): error is SageRefused {
  return isRefusedWith(error, 409);
}

/** Whether Sage says that what is asked for cannot be asked, of this account now for instance. */
export function isSageInvalid(error: unknown): error is SageRefused {
  return isRefusedWith(error, 400);
}
