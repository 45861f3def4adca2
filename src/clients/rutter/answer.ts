import { readRetryAfter } from '../http/retry-after.js';
import {
  invalidCredentialsCode,
  platformRateLimitCode,
  productNotAllowedCode,
  rateLimitCode,
  unauthorizedStatuses,
} from './assumptions.js';
import {
  platformRateLimitedStatus,
  rateLimitedStatus,
  RutterOutcomeUnknown,
  RutterRateLimited,
  RutterRefused,
  RutterUnauthorized,
} from './errors.js';
import type { RutterError, RutterErrorBody } from './errors.js';
import type { RutterOperation } from './operations.js';
import { redactMessage } from './redact.js';
import { errorBodySchema } from './schemas.js';

/** A gateway timed out waiting for the request: as with a 5xx, the outcome is unknown. */
const requestTimeoutStatus = 408;
const headerIdPattern = /^[\w-]{1,255}$/;

/** Status and headers of an answer, as far as we use them. */
export interface AnswerHead {
  readonly operation: RutterOperation;
  readonly httpStatus: number;
  readonly requestId: string | undefined;
  /** `X-Rutter-Job-ID`: on accepted POST and PATCH only (contract 11.2). */
  readonly jobId: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/** Reads the head. Malformed ids count as absent, since ids go into URLs and logs. */
export function readHead(operation: RutterOperation, response: Response): AnswerHead {
  return {
    operation,
    httpStatus: response.status,
    requestId: headerId(response, 'x-rutter-request-id'),
    jobId: headerId(response, 'x-rutter-job-id'),
    retryAfterMs: readRetryAfter(response.headers, Date.now()),
  };
}

/**
 * Reads an error body (contract 12), redacted and truncated. Anything else reads as three nulls.
 *
 * @param json the parsed body, or null when it is no JSON
 */
export function readErrorBody(json: unknown, secrets: readonly (string | undefined)[]): RutterErrorBody {
  const body = errorBodySchema.parse(json);
  const redact = (value: string | null): string | null =>
    value === null ? null : redactMessage(value, secrets);
  return {
    errorType: redact(body.errorType),
    errorCode: redact(body.errorCode),
    errorMessage: redact(body.errorMessage),
  };
}

/** The typed error of a 4xx or 5xx: type and code decide first, the status second, the message never (contract 12). */
export function toError(head: AnswerHead, body: RutterErrorBody): RutterError {
  const { httpStatus } = head;
  if (httpStatus >= 500 || httpStatus === requestTimeoutStatus) {
    const detail = [body.errorType, body.errorCode, body.errorMessage]
      .filter((text) => text !== null)
      .join(' ');
    return new RutterOutcomeUnknown({
      ...head,
      reason: 'server_error',
      detail: detail === '' ? undefined : detail,
    });
  }
  const refusal = { ...head, ...body };
  if (isUnauthorized(httpStatus, body.errorCode)) return new RutterUnauthorized(refusal);
  if (body.errorCode === platformRateLimitCode) return new RutterRateLimited({ ...refusal, platform: true });
  if (body.errorCode === rateLimitCode) return new RutterRateLimited({ ...refusal, platform: false });
  if (httpStatus === platformRateLimitedStatus) return new RutterRateLimited({ ...refusal, platform: true });
  if (httpStatus === rateLimitedStatus) return new RutterRateLimited({ ...refusal, platform: false });
  return new RutterRefused(refusal);
}

function isUnauthorized(httpStatus: number, errorCode: string | null): boolean {
  if (errorCode === invalidCredentialsCode) return true;
  return unauthorizedStatuses.includes(httpStatus) && errorCode !== productNotAllowedCode;
}

function headerId(response: Response, name: string): string | undefined {
  const value = response.headers.get(name);
  return value !== null && headerIdPattern.test(value) ? value : undefined;
}
