import type { z } from 'zod';
import { isJson, parseJsonOrNull, shapeProblems } from '../http/json.js';
import { unsentCode } from '../http/network-failure.js';
import type { UnknownOutcomeReason } from '../http/provider-error.js';
import { BodyNotText, BodyTooLarge, discardBody, errorBodyBytesMax, readBody } from '../http/read-body.js';
import { limitNesting } from '../../domain/nesting.js';
import { readSageErrorBody, sageErrorOf, type SageErrorBody } from './answer.js';
import { SageOutcomeUnknown, SageUnreachable } from './errors.js';
import type { SageOperation } from './operations.js';

const acceptedStatus = 202;
const redirectStatus = 302;
const serverErrorStatus = 500;

export interface RequesterOptions {
  readonly fetch: typeof fetch;
  /** From sending to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly nowMs: () => number;
  /** Redacted from every provider message. */
  readonly secrets: readonly (string | undefined)[];
}

export interface SageRequest<T> {
  readonly operation: SageOperation;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Built by us, or checked before; called unchanged. */
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string;
  readonly schema: z.ZodType<T>;
  /** Of a 202, where it is another answer than a 200. */
  readonly waitingSchema?: z.ZodType<T>;
  /** A 302 with a JSON body is the answer (contract 5.1). */
  readonly redirectIsAnswer?: true;
  /** An answer may have no body: then the schema sees undefined. */
  readonly mayBeEmpty?: true;
  /** What a 500 with an error body means, where that is an answer (contract 10). */
  readonly finalFailure?: (body: SageErrorBody) => T;
  /** A GET that cannot be repeated (contract 5.2). */
  readonly spendsRoute?: true;
  readonly secrets?: readonly (string | undefined)[];
  readonly signal?: AbortSignal | undefined;
}

export type Requester = <T>(request: SageRequest<T>) => Promise<T>;

/**
 * One request to Sage: sends once, reads within the limits, parses strictly. It never retries and never follows a
 * redirect. Errors are those of `errors.ts`, and the signal's reason when the caller aborts before anything was sent or
 * during a read.
 */
export function createRequester(options: RequesterOptions): Requester {
  return async (request) => {
    request.signal?.throwIfAborted();
    const timeout = AbortSignal.timeout(options.timeoutMs);
    const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
    const exchange = { options, request, signal, timeout };
    const response = await send(exchange);
    const { status } = response;
    const isAnswer = response.ok || (status === redirectStatus && request.redirectIsAnswer === true);
    if (isAnswer) return readAnswer(exchange, response);
    if (status < 400) {
      await discardBody(response);
      throw unknownOutcome(exchange, { httpStatus: status, reason: 'redirect' });
    }
    return refuse(exchange, response);
  };
}

interface Exchange<T> {
  readonly options: RequesterOptions;
  readonly request: SageRequest<T>;
  readonly signal: AbortSignal;
  readonly timeout: AbortSignal;
}

async function send<T>(exchange: Exchange<T>): Promise<Response> {
  const { options, request } = exchange;
  try {
    return await options.fetch(request.url, {
      method: request.method,
      headers: { ...request.headers },
      ...(request.body === undefined ? {} : { body: request.body }),
      redirect: 'manual',
      signal: exchange.signal,
    });
  } catch (error) {
    const code = unsentCode(error);
    if (code !== undefined) throw new SageUnreachable({ operation: request.operation, code });
    throw unknownOutcome(exchange, { reason: interruption(exchange) });
  }
}

/** Why a request or the reading of its answer stopped: our time-out, the caller, or the connection. */
function interruption<T>({ timeout, request }: Exchange<T>): UnknownOutcomeReason {
  if (timeout.aborted) return 'timeout';
  return request.signal?.aborted === true ? 'aborted' : 'connection_lost';
}

async function refuse<T>(exchange: Exchange<T>, response: Response): Promise<T> {
  const { options, request } = exchange;
  // The status alone decides; a broken body only means that code and message are missing.
  const text = await readBody(response, errorBodyBytesMax).catch(() => '');
  const body = readSageErrorBody(parseJsonOrNull(text), [...options.secrets, ...(request.secrets ?? [])]);
  if (response.status === serverErrorStatus && body !== null && request.finalFailure !== undefined) {
    return request.finalFailure(body);
  }
  throw sageErrorOf({ operation: request.operation, response, nowMs: options.nowMs() }, body);
}

async function readAnswer<T>(exchange: Exchange<T>, response: Response): Promise<T> {
  const { request } = exchange;
  const httpStatus = response.status;
  const isCalledJson = isJson(response.headers.get('content-type'));
  if (!isCalledJson && request.mayBeEmpty !== true) {
    await discardBody(response);
    throw unknownOutcome(exchange, {
      httpStatus,
      reason: 'unreadable_body',
      detail: 'the content type is not JSON',
    });
  }
  let json: unknown;
  try {
    const text = await readBody(response);
    if (text !== '' && !isCalledJson) throw new BodyNotText('the content type is not JSON');
    json = text === '' && request.mayBeEmpty === true ? undefined : limitNesting(JSON.parse(text));
  } catch (error) {
    throw unknownOutcome(exchange, { httpStatus, reason: readFailure(exchange, error) });
  }
  const isWaiting = httpStatus === acceptedStatus && request.waitingSchema !== undefined;
  const parsed = (isWaiting ? request.waitingSchema : request.schema).safeParse(json);
  if (parsed.success) return parsed.data;
  throw unknownOutcome(exchange, {
    httpStatus,
    reason: 'unexpected_shape',
    detail: shapeProblems(parsed.error),
  });
}

function readFailure<T>(exchange: Exchange<T>, error: unknown): UnknownOutcomeReason {
  if (error instanceof BodyTooLarge) return 'body_too_large';
  if (exchange.signal.aborted) return interruption(exchange);
  return error instanceof SyntaxError || error instanceof BodyNotText ? 'unreadable_body' : 'connection_lost';
}

/**
 * The error of a missing or unusable answer. A plain read that the caller aborted ends with the caller's reason; any
 * other request may have taken effect at Sage.
 */
function unknownOutcome<T>(
  { request }: Exchange<T>,
  found: { httpStatus?: number; reason: UnknownOutcomeReason; detail?: string },
): Error {
  const isPlainRead = request.method === 'GET' && request.spendsRoute !== true;
  if (found.reason === 'aborted' && isPlainRead) return request.signal?.reason as Error;
  return new SageOutcomeUnknown({ operation: request.operation, ...found });
}
