import { parseRetryAfter } from '../http/retry-after.js';
import {
  INVALID_CREDENTIALS_CODE,
  PLATFORM_RATE_LIMIT_CODE,
  PRODUCT_NOT_ALLOWED_CODE,
  RATE_LIMIT_CODE,
  UNAUTHORIZED_STATUSES,
} from './assumptions.js';
import {
  PLATFORM_RATE_LIMITED_STATUS,
  RATE_LIMITED_STATUS,
  RutterOutcomeUnknown,
  RutterRateLimited,
  RutterRefused,
  RutterUnauthorized,
} from './errors.js';
import type { RutterError, RutterErrorBody } from './errors.js';
import type { RutterOperation } from './operations.js';
import { redactMessage } from './redact.js';
import { errorBodySchema } from './schemas.js';

/** A gateway gave up waiting for the request: as with a 5xx nobody knows what became of it. */
const REQUEST_TIMEOUT_STATUS = 408;
const HEADER_ID_PATTERN = /^[\w-]{1,255}$/;

/** Status and headers of an answer, as far as we use them. */
export interface AnswerHead {
  readonly operation: RutterOperation;
  readonly httpStatus: number;
  readonly requestId: string | undefined;
  /** `X-Rutter-Job-ID`: on accepted POST and PATCH only (contract 11.2). */
  readonly jobId: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/** Reads the head; ids that do not look like ids are taken for absent, since they go into URLs and logs. */
export function readHead(operation: RutterOperation, response: Response): AnswerHead {
  return {
    operation,
    httpStatus: response.status,
    requestId: headerId(response, 'x-rutter-request-id'),
    jobId: headerId(response, 'x-rutter-job-id'),
    retryAfterMs: parseRetryAfter({ header: response.headers.get('retry-after'), nowMs: Date.now() }),
  };
}

/** The error body (contract 12), parsed JSON or not even that, redacted and cut; anything that is not one reads as three nulls. */
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
  if (httpStatus >= 500 || httpStatus === REQUEST_TIMEOUT_STATUS) {
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
  if (body.errorCode === PLATFORM_RATE_LIMIT_CODE)
    return new RutterRateLimited({ ...refusal, platform: true });
  if (body.errorCode === RATE_LIMIT_CODE) return new RutterRateLimited({ ...refusal, platform: false });
  if (httpStatus === PLATFORM_RATE_LIMITED_STATUS)
    return new RutterRateLimited({ ...refusal, platform: true });
  if (httpStatus === RATE_LIMITED_STATUS) return new RutterRateLimited({ ...refusal, platform: false });
  return new RutterRefused(refusal);
}

function isUnauthorized(httpStatus: number, errorCode: string | null): boolean {
  if (errorCode === INVALID_CREDENTIALS_CODE) return true;
  return UNAUTHORIZED_STATUSES.includes(httpStatus) && errorCode !== PRODUCT_NOT_ALLOWED_CODE;
}

function headerId(response: Response, name: string): string | undefined {
  const value = response.headers.get(name);
  return value !== null && HEADER_ID_PATTERN.test(value) ? value : undefined;
}
