import type { IncomingHttpHeaders } from 'node:http';
import type { Answer } from '../stand-in/transmit.js';
import { CODE, type ErrorCode } from './assumptions.js';
import type { AccountRecord, CompanyRecord } from './records.js';

export { isObject, newId, parseJson, sha256 } from '../stand-in/body.js';
export type { Answer } from '../stand-in/transmit.js';

/** One request, read whole. */
export interface ApiRequest {
  method: string;
  /** As sent, without parameters. */
  path: string;
  /** Names in lower case: the sources disagree on theirs. */
  query: Map<string, string>;
  /** As sent, for the signature. */
  rawQuery: URLSearchParams;
  headers: IncomingHttpHeaders;
  rawBody: Buffer;
  /** Parsed body; undefined when there is none or it is not JSON. */
  json: unknown;
  /** Named parts of the path. */
  params: Record<string, string>;
  remoteAddress: string;
  /** Set by checkAccess where the route requires it. */
  applicationId: string | null;
  company: CompanyRecord | null;
  account: AccountRecord | null;
}

export interface Fault {
  field: string;
  reason: string;
}

/** A refusal in the assumed error shape. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: ErrorCode,
    message: string,
    readonly details: readonly Fault[] = [],
    /** What the client broke, when it should have known better; recorded as a violation. */
    readonly breach: string | null = null,
  ) {
    super(message);
  }

  toAnswer(): Answer {
    return { status: this.status, body: errorBody(this.code, this.message, this.details) };
  }
}

export function errorBody(code: ErrorCode, message: string, details: readonly Fault[] = []): unknown {
  return { error: { code: CODE[code], message, details } };
}

/** 400 with all faults at once: what a client can check before it sends. */
export function invalid(...details: Fault[]): ApiError {
  return new ApiError(400, 'invalidRequest', 'the request is not valid', details, 'invalid_request');
}

export function notFound(what: string): ApiError {
  return new ApiError(404, 'notFound', `${what} was not found`);
}

export function conflict(message: string): ApiError {
  return new ApiError(409, 'conflict', message);
}

/** 401. `breach` names what a correct client never does. */
export function unauthorised(message: string, breach: string | null): ApiError {
  return new ApiError(401, 'unauthorised', message, [], breach);
}
