import { randomUUID } from 'node:crypto';
import type { RequestHandler, Response } from 'express';

/** Gives each request a new id, in `X-Request-Id` and in its log lines. An id sent by the caller is ignored. */
export const giveRequestId: RequestHandler = (_request, response, next) => {
  response.setHeader('X-Request-Id', randomUUID());
  next();
};

/** The id given by {@link giveRequestId}. */
export function requestIdOf(response: Response): string {
  const value = response.getHeader('X-Request-Id');
  return typeof value === 'string' ? value : 'none';
}
