import { z } from 'zod';
import { readRetryAfter } from '../http/retry-after.js';
import {
  SageGone,
  SageOutcomeUnknown,
  SageRateLimited,
  SageRefused,
  SageUnauthorized,
  type SageError,
  type SageFieldProblem,
} from './errors.js';
import type { SageOperation } from './operations.js';
import { redactMessage } from './redact.js';

/** A gateway timed out waiting for the request: as with a 5xx, the outcome is unknown. */
const requestTimeoutStatus = 408;
/** Field problems of a refusal that are kept. */
const fieldProblemsMax = 50;

/** Shape assumed (contract 13); missing fields are reported as missing, another body as none. */
const text = z.string().nullish().catch(null);
const errorBodySchema = z.object({
  error: z.object({
    code: text,
    message: text,
    details: z
      .array(z.object({ field: text, reason: text }).catch({ field: null, reason: null }))
      .nullish()
      .catch(null),
  }),
});

/** An error body, redacted and truncated. */
export interface SageErrorBody {
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly fields: readonly SageFieldProblem[];
}

const emptyErrorBody: SageErrorBody = { errorCode: null, errorMessage: null, fields: [] };

/** Null when there is no error body of the assumed shape. */
export function readSageErrorBody(
  json: unknown,
  secrets: readonly (string | undefined)[],
): SageErrorBody | null {
  const parsed = errorBodySchema.safeParse(json);
  if (!parsed.success) return null;
  const { code, message, details } = parsed.data.error;
  const redact = (value: string | null | undefined): string | null =>
    value == null ? null : redactMessage(value, secrets);
  return {
    errorCode: redact(code),
    errorMessage: redact(message),
    fields: (details ?? [])
      .slice(0, fieldProblemsMax)
      .map(({ field, reason }) => ({ field: redact(field) ?? '', reason: redact(reason) ?? '' })),
  };
}

/** The typed error of a 4xx or 5xx. The status decides; the body only adds code and message. */
export function sageErrorOf(
  { operation, response, nowMs }: { operation: SageOperation; response: Response; nowMs: number },
  body: SageErrorBody | null,
): SageError {
  const httpStatus = response.status;
  const { errorCode, errorMessage, fields } = body ?? emptyErrorBody;
  if (httpStatus >= 500 || httpStatus === requestTimeoutStatus) {
    const detail = [errorCode, errorMessage].filter((each) => each !== null).join(' ');
    return new SageOutcomeUnknown({
      operation,
      httpStatus,
      reason: 'server_error',
      detail: detail === '' ? undefined : detail,
    });
  }
  const refusal = { operation, httpStatus, errorCode, errorMessage, fields };
  switch (httpStatus) {
    case 401:
    case 403:
      return new SageUnauthorized(refusal);
    case 410:
      return new SageGone(refusal);
    case 429: {
      const retryAfterMs = readRetryAfter(response.headers, nowMs);
      return new SageRateLimited({ ...refusal, retryAfterMs });
    }
    default:
      return new SageRefused(refusal);
  }
}
