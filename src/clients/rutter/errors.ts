import { NOT_FOUND_STATUSES } from './assumptions.js';
import type { RutterOperation } from './operations.js';

/** What every error of the client tells: the call, and Rutter's request id to quote to its support. */
interface ErrorContext {
  operation: RutterOperation;
  requestId?: string | undefined;
}

/** Base of all errors of the client. Messages hold no URL, token or body. */
abstract class RutterErrorBase extends Error {
  readonly operation: RutterOperation;
  readonly requestId: string | undefined;
  protected constructor(message: string, context: ErrorContext) {
    super(message);
    this.operation = context.operation;
    this.requestId = context.requestId;
  }
}

/** The request certainly never reached Rutter: the connection was refused, or the name or certificate failed. */
export class RutterUnreachable extends RutterErrorBase {
  readonly kind = 'unreachable';
  override readonly name = 'RutterUnreachable';
  /** The system's code, as `ECONNREFUSED`. */
  readonly code: string;
  constructor(input: ErrorContext & { code: string }) {
    super(`${input.operation}: Rutter cannot be reached (${input.code})`, input);
    this.code = input.code;
  }
}

export type UnknownOutcomeReason =
  | 'timeout'
  | 'aborted'
  | 'connection_lost'
  | 'server_error'
  | 'redirect'
  | 'body_too_large'
  | 'unreadable_body'
  | 'unexpected_shape';

/**
 * The request may have taken effect and we do not know. A write is repeated only with the same bytes and the same key,
 * or after reading back; a read is simply repeated. Redirects count here: they are never followed.
 */
export class RutterOutcomeUnknown extends RutterErrorBase {
  readonly kind = 'outcome_unknown';
  override readonly name = 'RutterOutcomeUnknown';
  readonly reason: UnknownOutcomeReason;
  /** Absent when no status line arrived. */
  readonly httpStatus: number | undefined;
  /** From `X-Rutter-Job-ID`: present means that Rutter accepted the request (contract 11.2). */
  readonly jobId: string | undefined;
  /** For people: where a shape was wrong, or Rutter's own words, redacted and cut. */
  readonly detail: string | undefined;
  constructor(
    input: ErrorContext & Partial<Answered> & { reason: UnknownOutcomeReason; detail?: string | undefined },
  ) {
    super(
      `${input.operation}: outcome unknown (${[input.reason, input.httpStatus].filter(Boolean).join(' ')})`,
      input,
    );
    this.reason = input.reason;
    this.httpStatus = input.httpStatus;
    this.jobId = input.jobId;
    this.detail = input.detail;
  }
}

interface Answered {
  httpStatus: number | undefined;
  jobId: string | undefined;
}

/** Rutter's error body (contract 12): type and code are for programs, the message only for people. */
export interface RutterErrorBody {
  errorType: string | null;
  errorCode: string | null;
  /** Redacted and cut to `ERROR_MESSAGE_MAX_CHARS`. */
  errorMessage: string | null;
}

interface Refusal extends ErrorContext, RutterErrorBody {
  httpStatus: number;
  jobId: string | undefined;
  retryAfterMs?: number | undefined;
}

abstract class RefusalBase extends RutterErrorBase {
  readonly httpStatus: number;
  readonly errorType: string | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  /** From `X-Rutter-Job-ID`; undefined when the request was not accepted. */
  readonly jobId: string | undefined;
  /** Accepted: the key now replays this very error. Not accepted: the same key may be used again (contract 11.2). */
  readonly accepted: boolean;
  protected constructor(what: string, input: Refusal) {
    const code = input.errorCode === null ? '' : ` ${input.errorCode}`;
    super(`${input.operation}: ${what} (${String(input.httpStatus)}${code})`, input);
    this.httpStatus = input.httpStatus;
    this.errorType = input.errorType;
    this.errorCode = input.errorCode;
    this.errorMessage = input.errorMessage;
    this.jobId = input.jobId;
    this.accepted = input.jobId !== undefined;
  }
}

/** Rutter or the platform said no with a 4xx: repeating the same request will not help. */
export class RutterRefused extends RefusalBase {
  readonly kind = 'refused';
  override readonly name = 'RutterRefused';
  readonly retryAfterMs: number | undefined;
  constructor(input: Refusal) {
    super('refused', input);
    this.retryAfterMs = input.retryAfterMs;
  }
}

/** Of an answer, or of a job that failed with it: Rutter (429) or the platform (452) had enough, and nothing was done. */
export const RATE_LIMITED_STATUS = 429;
export const PLATFORM_RATE_LIMITED_STATUS = 452;

/** Whether the status of a request, or of the request in a job, says "not now" (contract 11.3). */
export function isRateLimit(httpStatus: number | null): boolean {
  return httpStatus === RATE_LIMITED_STATUS || httpStatus === PLATFORM_RATE_LIMITED_STATUS;
}

/** 429: Rutter's limit for the organisation (`platform` false). 452: the platform's limit (`platform` true). */
export class RutterRateLimited extends RefusalBase {
  readonly kind = 'rate_limited';
  override readonly name = 'RutterRateLimited';
  readonly platform: boolean;
  /** From `Retry-After`, never above `RETRY_AFTER_MAX_MS`; undefined when absent or senseless. */
  readonly retryAfterMs: number | undefined;
  constructor(input: Refusal & { platform: boolean }) {
    super('rate limited', input);
    this.platform = input.platform;
    this.retryAfterMs = input.retryAfterMs;
  }
}

/** Our credentials or the connection's token were refused; `probeCredentials` tells which. */
export class RutterUnauthorized extends RefusalBase {
  readonly kind = 'unauthorized';
  override readonly name = 'RutterUnauthorized';
  constructor(input: Refusal) {
    super('credentials refused', input);
  }
}

/** A read was answered with something we do not understand. It is never taken for a success. */
export class RutterUnexpectedAnswer extends RutterErrorBase {
  readonly kind = 'unexpected_answer';
  override readonly name = 'RutterUnexpectedAnswer';
  readonly httpStatus: number;
  readonly reason: UnknownOutcomeReason;
  readonly detail: string | undefined;
  constructor(
    input: ErrorContext & { httpStatus: number; reason: UnknownOutcomeReason; detail?: string | undefined },
  ) {
    super(`${input.operation}: unexpected answer (${input.reason} ${String(input.httpStatus)})`, input);
    this.httpStatus = input.httpStatus;
    this.reason = input.reason;
    this.detail = input.detail;
  }
}

export type RutterError =
  | RutterUnreachable
  | RutterOutcomeUnknown
  | RutterRefused
  | RutterRateLimited
  | RutterUnauthorized
  | RutterUnexpectedAnswer;

/** Whether an error is one of this client's; then `kind` tells which. */
export function isRutterError(error: unknown): error is RutterError {
  return error instanceof RutterErrorBase;
}

/** Whether Rutter says that the id in the path does not exist. */
export function isNotFound(error: unknown): error is RutterRefused {
  return error instanceof RutterRefused && NOT_FOUND_STATUSES.includes(error.httpStatus);
}
