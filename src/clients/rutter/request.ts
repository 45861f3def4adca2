import type { z } from 'zod';
import { isJson, parseJsonOrNull, shapeProblems } from '../http/json.js';
import { unsentCode } from '../http/network-failure.js';
import type { UnknownOutcomeReason } from '../http/provider-error.js';
import { BodyNotText, BodyTooLarge, discardBody, errorBodyBytesMax, readBody } from '../http/read-body.js';
import { readErrorBody, readHead, toError } from './answer.js';
import type { AnswerHead } from './answer.js';
import { slowDownDefaultMs } from './assumptions.js';
import {
  RutterOutcomeUnknown,
  RutterRateLimited,
  RutterUnexpectedAnswer,
  RutterUnreachable,
} from './errors.js';
import type { RequestPriority } from '../../domain/request-priority.js';
import type { RequestLimiter } from './limiter.js';
import type { RutterOperation } from './operations.js';

export interface RequesterOptions {
  /** With `/versioned`, without a slash at the end. */
  readonly baseUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** `X-Rutter-Version`. */
  readonly version: string;
  readonly limiter: RequestLimiter;
  readonly fetch: typeof fetch;
}

export interface RutterRequest<T> {
  readonly operation: RutterOperation;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Under the base URL; ids in it already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** The connection's token: goes into the query and is redacted everywhere else. */
  readonly accessToken?: string | undefined;
  /** JSON text. */
  readonly body?: string;
  readonly idempotencyKey?: string;
  readonly priority: RequestPriority;
  /** From sending to the last byte of the answer; waiting for the limiter does not count. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly schema: z.ZodType<T>;
  /** The longest answer that is read, after decompression; that of `readBody` unless given. */
  readonly answerBytesMax?: number;
  /** Further secrets of this call, to be redacted from the provider message. */
  readonly secrets?: readonly string[];
}

export interface RutterAnswer<T> {
  readonly value: T;
  /** From `X-Rutter-Job-ID`. */
  readonly jobId: string | undefined;
}

export type Requester = <T>(request: RutterRequest<T>) => Promise<RutterAnswer<T>>;

/**
 * One request to Rutter: waits for the limiter, sends once, reads within the limits, parses strictly. It never
 * retries and never follows a redirect. Errors are those of `errors.ts`, what the limiter throws, and the signal's
 * reason when the caller aborts before anything was sent or during a read.
 */
export function createRequester(options: RequesterOptions): Requester {
  const authorization = `Basic ${Buffer.from(`${options.clientId}:${options.clientSecret}`).toString('base64')}`;
  return async (request) => {
    await options.limiter.acquire({ priority: request.priority, signal: request.signal });
    request.signal?.throwIfAborted();
    const timeout = AbortSignal.timeout(request.timeoutMs);
    const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
    const exchange = { options, request, authorization, signal, timeout };
    const response = await send(exchange);
    const head = readHead(request.operation, response);
    if (response.status >= 300 && response.status < 400) {
      await discardBody(response);
      throw unknownOutcome(exchange, { head, reason: 'redirect' });
    }
    if (response.status >= 400) throw await refusal(exchange, { head, response });
    return { value: await readAnswer(exchange, { head, response }), jobId: head.jobId };
  };
}

interface Exchange {
  readonly options: RequesterOptions;
  readonly request: RutterRequest<unknown>;
  readonly authorization: string;
  readonly signal: AbortSignal;
  readonly timeout: AbortSignal;
}

async function send(exchange: Exchange): Promise<Response> {
  const { options, request } = exchange;
  const headers: Record<string, string> = {
    accept: 'application/json',
    authorization: exchange.authorization,
    'x-rutter-version': options.version,
  };
  if (request.body !== undefined) headers['content-type'] = 'application/json';
  if (request.idempotencyKey !== undefined) headers['idempotency-key'] = request.idempotencyKey;
  try {
    return await options.fetch(urlOf(options, request), {
      method: request.method,
      headers,
      ...(request.body === undefined ? {} : { body: request.body }),
      redirect: 'manual',
      signal: exchange.signal,
    });
  } catch (error) {
    const code = unsentCode(error);
    if (code !== undefined) throw new RutterUnreachable({ operation: request.operation, code });
    throw unknownOutcome(exchange, { reason: interruption(exchange) });
  }
}

function urlOf(options: RequesterOptions, request: RutterRequest<unknown>): string {
  const query = new URLSearchParams();
  if (request.accessToken !== undefined) query.set('access_token', request.accessToken);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) query.set(name, String(value));
  }
  const search = query.size === 0 ? '' : `?${query.toString()}`;
  return `${options.baseUrl}${request.path}${search}`;
}

/** Why a request or the reading of its answer stopped: our time-out, the caller, or the connection. */
function interruption(exchange: Exchange): UnknownOutcomeReason {
  if (exchange.timeout.aborted) return 'timeout';
  return exchange.request.signal?.aborted === true ? 'aborted' : 'connection_lost';
}

interface Received {
  readonly head: AnswerHead;
  readonly response: Response;
}

async function refusal(exchange: Exchange, { head, response }: Received): Promise<Error> {
  const { options, request } = exchange;
  // The status alone decides; a broken body only means that code and message are missing.
  const text = await readBody(response, errorBodyBytesMax).catch(() => '');
  const body = readErrorBody(parseJsonOrNull(text), [
    request.accessToken,
    options.clientSecret,
    ...(request.secrets ?? []),
  ]);
  const error = toError(head, body);
  if (error instanceof RutterRateLimited) {
    // All processes slow down, also for the platform's limit. The error must reach the caller even when the limiter's
    // database does not answer; the next request would then meet the limit again.
    await options.limiter.slowDown({ forMs: error.retryAfterMs ?? slowDownDefaultMs }).catch(() => undefined);
  }
  return error;
}

async function readAnswer<T>(
  exchange: Exchange & { request: RutterRequest<T> },
  received: Received,
): Promise<T> {
  const { head, response } = received;
  if (!isJson(response.headers.get('content-type'))) {
    await discardBody(response);
    throw unknownOutcome(exchange, {
      head,
      reason: 'unreadable_body',
      detail: 'the content type is not JSON',
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(await readBody(response, exchange.request.answerBytesMax));
  } catch (error) {
    throw unknownOutcome(exchange, { head, reason: readFailure(exchange, error) });
  }
  const parsed = exchange.request.schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw unknownOutcome(exchange, { head, reason: 'unexpected_shape', detail: shapeProblems(parsed.error) });
}

function readFailure(exchange: Exchange, error: unknown): UnknownOutcomeReason {
  if (error instanceof BodyTooLarge) return 'body_too_large';
  if (exchange.signal.aborted) return interruption(exchange);
  return error instanceof SyntaxError || error instanceof BodyNotText ? 'unreadable_body' : 'connection_lost';
}

/**
 * The error of a missing or unusable answer. For a write the outcome is unknown. For a read, an answer that does not
 * parse is an unexpected answer; one that did not arrive is unknown as well, and the read is repeated.
 */
function unknownOutcome(
  exchange: Exchange,
  found: { head?: AnswerHead; reason: UnknownOutcomeReason; detail?: string },
): Error {
  const { request } = exchange;
  const { head, reason, detail } = found;
  const misread =
    reason === 'unreadable_body' || reason === 'unexpected_shape' || reason === 'body_too_large';
  if (request.method === 'GET') {
    if (reason === 'aborted') return exchange.request.signal?.reason as Error;
    if (head !== undefined && misread) return new RutterUnexpectedAnswer({ ...head, reason, detail });
  }
  return new RutterOutcomeUnknown({ operation: request.operation, ...head, reason, detail });
}
