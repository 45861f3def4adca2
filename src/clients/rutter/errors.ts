import {
  ProviderError,
  type ProviderErrorMeaning,
  type UnknownOutcomeReason,
} from '../http/provider-error.js';
import { notFoundStatuses } from './assumptions.js';
import { organisationOperations, type RutterOperation } from './operations.js';

/** The connection itself is refused until its customer or Rutter acts (contract 12; the codes are documented). */
const connectionRefusedCodes: ReadonlySet<string> = new Set(['NEEDS_UPDATE', 'CONNECTION_DISABLED']);
/** Passes by itself: the initial sync is unfinished (contract 12). */
const passingCodes: ReadonlySet<string> = new Set(['PRODUCT_NOT_READY']);

/** What every error of the client holds: the call, and Rutter's request id to quote to its support. */
interface ErrorContext {
  operation: RutterOperation;
  requestId?: string | undefined;
}

/** Base of all errors of the client. */
abstract class RutterErrorBase extends ProviderError {
  override readonly operation: RutterOperation;
  override readonly requestId: string | undefined;
  protected constructor(message: string, context: ErrorContext) {
    super(message);
    this.operation = context.operation;
    this.requestId = context.requestId;
  }
}

/** The request certainly never reached Rutter: the connection was refused, or the name or certificate failed. */
export class RutterUnreachable extends RutterErrorBase {
  override readonly kind = 'unreachable';
  override readonly meaning = 'unavailable';
  override readonly name = 'RutterUnreachable';
  /** The system's code, as `ECONNREFUSED`. */
  readonly code: string;
  constructor(input: ErrorContext & { code: string }) {
    super(`${input.operation}: Rutter cannot be reached (${input.code})`, input);
    this.code = input.code;
  }
}

/**
 * It is not known whether the request took effect. A write is repeated only with the same bytes and the same key, or
 * after reading back; a read is simply repeated.
 */
export class RutterOutcomeUnknown extends RutterErrorBase {
  override readonly kind = 'outcome_unknown';
  override readonly meaning = 'unavailable';
  override readonly name = 'RutterOutcomeUnknown';
  readonly reason: UnknownOutcomeReason;
  /** Absent when no status line arrived. */
  override readonly httpStatus: number | undefined;
  /** From `X-Rutter-Job-ID`: present means that Rutter accepted the request (contract 11.2). */
  readonly jobId: string | undefined;
  /** For operators: where a shape was wrong, or the provider message, redacted and truncated. */
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

/** Rutter's error body (contract 12): type and code are for programs, the message is for operators only. */
export interface RutterErrorBody {
  errorType: string | null;
  errorCode: string | null;
  /** The provider message, redacted and truncated to `errorMessageMaxChars`. */
  errorMessage: string | null;
}

interface Refusal extends ErrorContext, RutterErrorBody {
  httpStatus: number;
  jobId: string | undefined;
  retryAfterMs?: number | undefined;
}

abstract class RefusalBase extends RutterErrorBase {
  override readonly httpStatus: number;
  override readonly errorType: string | null;
  override readonly errorCode: string | null;
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

/** Rutter or the platform answered with a 4xx: repeating the same request will not help. */
export class RutterRefused extends RefusalBase {
  override readonly kind = 'refused';
  override readonly meaning: ProviderErrorMeaning;
  override readonly name = 'RutterRefused';
  override readonly retryAfterMs: number | undefined;
  constructor(input: Refusal) {
    super('refused', input);
    this.meaning = meaningOfRefusal(input.errorCode);
    this.retryAfterMs = input.retryAfterMs;
  }
}

/** Status of an answer or of a failed job: a limit of Rutter (429) or of the platform (452); nothing was done. */
export const rateLimitedStatus = 429;
export const platformRateLimitedStatus = 452;

/** Whether the status of a request, or of the request in a job, is that of a rate limit (contract 11.3). */
export function isRateLimit(httpStatus: number | null): boolean {
  return httpStatus === rateLimitedStatus || httpStatus === platformRateLimitedStatus;
}

/** 429: Rutter's limit for the organisation (`platform` false). 452: the platform's limit (`platform` true). */
export class RutterRateLimited extends RefusalBase {
  override readonly kind = 'rate_limited';
  override readonly meaning = 'rate_limited';
  override readonly name = 'RutterRateLimited';
  readonly platform: boolean;
  /** From `Retry-After`, never above `retryAfterMaxMs`; undefined when absent or invalid. */
  override readonly retryAfterMs: number | undefined;
  constructor(input: Refusal & { platform: boolean }) {
    super('rate limited', input);
    this.platform = input.platform;
    this.retryAfterMs = input.retryAfterMs;
  }
}

/** Our credentials or the connection's token were refused; `probeCredentials` finds out which. */
export class RutterUnauthorized extends RefusalBase {
  override readonly kind = 'unauthorized';
  override readonly meaning: ProviderErrorMeaning;
  override readonly name = 'RutterUnauthorized';
  constructor(input: Refusal) {
    super('credentials refused', input);
    this.meaning = organisationOperations.has(input.operation)
      ? 'credentials_rejected'
      : 'connection_refused';
  }
}

/** The answer to a read was not understood. It is never taken for a success. */
export class RutterUnexpectedAnswer extends RutterErrorBase {
  override readonly kind = 'unexpected_answer';
  override readonly meaning = 'unexpected_answer';
  override readonly name = 'RutterUnexpectedAnswer';
  override readonly httpStatus: number;
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

function meaningOfRefusal(errorCode: string | null): ProviderErrorMeaning {
  if (errorCode !== null && connectionRefusedCodes.has(errorCode)) return 'connection_refused';
  return errorCode !== null && passingCodes.has(errorCode) ? 'unavailable' : 'refused';
}

export type RutterError =
  | RutterUnreachable
  | RutterOutcomeUnknown
  | RutterRefused
  | RutterRateLimited
  | RutterUnauthorized
  | RutterUnexpectedAnswer;

/** Whether an error is one of this client's; `kind` then says which. */
export function isRutterError(error: unknown): error is RutterError {
  return error instanceof RutterErrorBase;
}

/** Whether Rutter answered that the id in the path does not exist. */
export function isNotFound(error: unknown): error is RutterRefused {
  return error instanceof RutterRefused && notFoundStatuses.includes(error.httpStatus);
}
