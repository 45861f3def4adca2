import type { ErrorRequestHandler } from 'express';
import { HasherBusy } from '../crypto/password.js';
import { isDatabaseUnavailable } from '../db/unavailable.js';
import { UnsealError } from '../crypto/seal.js';
import type { Logger } from '../logger.js';
import { WorkflowsUnavailable } from '../temporal/calls.js';
import { Problem, problemBody, unavailable } from './problem.js';
import { requestIdOf } from './request-id.js';

/** The problem for a thrown error; null for an unexpected one. */
export function problemOf(error: unknown): Problem | null {
  if (error instanceof Problem) return error;
  if (error instanceof HasherBusy) {
    return new Problem({
      status: 429,
      code: 'busy',
      detail: error.message,
      headers: { 'Retry-After': '1' },
    });
  }
  if (error instanceof WorkflowsUnavailable) {
    return unavailable({
      code: 'workflows_unavailable',
      detail: 'Temporal does not answer; stored data is kept, retry the call',
    });
  }
  if (isDatabaseUnavailable(error)) {
    return unavailable({
      code: 'database_unavailable',
      detail: 'the database does not answer; only what was confirmed is stored, retry the call',
    });
  }
  if (error instanceof UnsealError) {
    return new Problem({
      status: 500,
      code: 'unreadable_data',
      detail: `stored data cannot be decrypted (${error.reason}): put every key that was ever used into ENCRYPTION_KEYS`,
    });
  }
  return framework(error);
}

/** Errors of Express and its router carry a status, mostly for a broken percent-encoding in the path. */
function framework(error: unknown): Problem | null {
  const status = (error as { status?: unknown } | null)?.status;
  if (typeof status !== 'number' || status < 400 || status > 499) return null;
  return new Problem({ status, code: 'bad_request', detail: 'the request cannot be read' });
}

/** The only code that turns errors into answers. An unexpected error answers 500 with the request's id and nothing else. */
export function createErrorHandler(input: { logger: Logger }): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    const requestId = requestIdOf(response);
    // The caller disconnected while sending its body: there is nobody to answer, and this is no error of ours.
    if (request.destroyed && response.destroyed) {
      input.logger.info({ requestId }, 'caller disconnected');
      return;
    }
    const problem = problemOf(error);
    if (problem === null) {
      input.logger.error({ err: error, requestId }, 'unexpected error');
    } else if (problem.input.status >= 500) {
      input.logger.warn({ requestId, code: problem.input.code }, 'answered with a server error');
    }
    if (response.headersSent) {
      next(error);
      return;
    }
    const shown = problem?.input ?? {
      status: 500,
      code: 'internal',
      detail: 'an unexpected error; quote the request id when reporting it',
    };
    response.status(shown.status);
    for (const [name, value] of Object.entries(shown.headers ?? {})) response.setHeader(name, value);
    response.setHeader('Content-Type', 'application/problem+json');
    response.end(
      request.method === 'HEAD' ? undefined : JSON.stringify(problemBody({ ...shown, requestId })),
    );
  };
}
