import type { ErrorRequestHandler } from 'express';
import { HasherBusy } from '../crypto/password.js';
import { isDatabaseUnavailable } from '../db/unavailable.js';
import type { Logger } from '../logger.js';
import { WorkflowsUnavailable } from '../temporal/calls.js';
import { Problem, problemBody, unavailable } from './problem.js';
import { requestIdOf } from './request-id.js';

/** Maps whatever was thrown to a problem; null for what nobody foresaw. */
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
      detail: 'Temporal does not answer; what was stored stays stored, ask again',
    });
  }
  if (isDatabaseUnavailable(error)) {
    return unavailable({
      code: 'database_unavailable',
      detail: 'the database does not answer; nothing unconfirmed counts as stored, ask again',
    });
  }
  return framework(error);
}

/** Errors of Express and its router carry a status: a broken percent-encoding in the path, mostly. */
function framework(error: unknown): Problem | null {
  const status = (error as { status?: unknown } | null)?.status;
  if (typeof status !== 'number' || status < 400 || status > 499) return null;
  return new Problem({ status, code: 'bad_request', detail: 'the request cannot be read' });
}

/** The one place where errors become answers. An unknown one answers 500 with the request's id and nothing else. */
export function createErrorHandler(input: { logger: Logger }): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    const requestId = requestIdOf(response);
    // The caller went away in the middle of its body: there is nobody to answer, and nothing of ours is broken.
    if (request.destroyed && response.destroyed) {
      input.logger.info({ requestId }, 'caller went away');
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
      detail: 'something unexpected happened; quote the request id',
    };
    response.status(shown.status);
    for (const [name, value] of Object.entries(shown.headers ?? {})) response.setHeader(name, value);
    response.setHeader('Content-Type', 'application/problem+json');
    response.end(
      request.method === 'HEAD' ? undefined : JSON.stringify(problemBody({ ...shown, requestId })),
    );
  };
}
