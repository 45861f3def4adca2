import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkAccess } from './access.js';
import { assumedCode, assumedType } from './assumptions.js';
import { transmit } from '../stand-in/transmit.js';
import { applyRequestFaults, applyRutterFault } from './fault-effects.js';
import type { FaultSpec, RutterFaultSubject } from './faults.js';
import {
  ApiError,
  errorBody,
  invalidInput,
  isObject,
  newId,
  notSupported,
  parseJson,
  readBody,
  redactedTarget,
  sha256,
  type Answer,
  type ApiRequest,
} from './http.js';
import { findAccepted, idempotencyKeyOf } from './idempotency.js';
import { accept, asyncAnswer, jobAnswer } from './jobs.js';
import type { WriteRoute } from './route.js';
import { findRoute } from './routes.js';
import type { Sandbox } from './sandbox.js';

const base = '/versioned';
const transactionsPath = '/accounting/bank_feeds/transactions';

/** What the request log records of one request. */
interface Exchange {
  answer: Answer | undefined;
  faults: FaultSpec[];
  replayed: boolean;
}

/** Answers one request under `/versioned`, from authentication to the log line. */
export async function handleApi(
  sandbox: Sandbox,
  message: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const startedMs = performance.now();
  const request: ApiRequest = {
    method: message.method ?? 'GET',
    path: url.pathname.slice(base.length),
    query: url.searchParams,
    headers: message.headers,
    rawBody: Buffer.alloc(0),
    bodySha256: '',
    json: undefined,
    requestId: newId(),
    params: {},
    connection: undefined,
  };
  response.setHeader('X-Rutter-Request-ID', request.requestId);
  const exchange: Exchange = { answer: undefined, faults: [], replayed: false };
  try {
    request.rawBody = await readBody(message);
    request.bodySha256 = sha256(request.rawBody);
    request.json = parseJson(request.rawBody);
    if (isTransactionsPost(request) && sandbox.knobs.postLatencyMs > 0) {
      await sandbox.clock.sleep(sandbox.knobs.postLatencyMs);
    }
    exchange.answer = await answer(sandbox, request, exchange);
  } catch (error) {
    exchange.answer = answerOf(error);
  }
  const status = await transmit({
    clock: sandbox.clock,
    response,
    answer: exchange.answer,
    faults: exchange.faults,
    applyOwnFault: applyRutterFault,
  });
  logRequest(sandbox, request, exchange, status, performance.now() - startedMs);
}

/** Undefined when a fault has decided that there is none. */
async function answer(
  sandbox: Sandbox,
  request: ApiRequest,
  exchange: Exchange,
): Promise<Answer | undefined> {
  const match = findRoute(request.method, request.path);
  if (match !== undefined) request.params = match.params;
  checkAccess(sandbox, request, match?.route);
  const subject = subjectOf(request);
  const early = sandbox.faults.take('request', subject);
  exchange.faults = [...early];
  const faulted = await applyRequestFaults(sandbox, early);
  if (faulted !== 'proceed') return faulted;
  exchange.faults.push(...sandbox.faults.take('answer', subject));
  if (match === undefined)
    throw notSupported(`${request.method} ${request.path} is no endpoint for this platform`);
  const { route } = match;
  if ('answer' in route) return route.answer(sandbox, request);
  return write(sandbox, request, route, subject, exchange);
}

async function write(
  sandbox: Sandbox,
  request: ApiRequest,
  route: WriteRoute,
  subject: RutterFaultSubject,
  exchange: Exchange,
): Promise<Answer> {
  if (route.needsKey === true && idempotencyKeyOf(request) === null) {
    sandbox.violation('missing_idempotency_key', `${request.method} ${request.path}`);
  }
  checkBody(request);
  const earlier = findAccepted(sandbox, request);
  if (earlier !== undefined) {
    exchange.replayed = true;
    return earlier.finishedAtMs === null ? asyncAnswer(sandbox, earlier) : jobAnswer(sandbox, earlier);
  }
  return accept(sandbox, request, route.plan(sandbox, request), subject);
}

function checkBody(request: ApiRequest): void {
  if (request.rawBody.length === 0) return;
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\b/i.test(type)) throw invalidInput('Content-Type must be application/json');
  if (request.json === undefined) throw invalidInput('the body is not JSON');
}

function answerOf(error: unknown): Answer {
  if (error instanceof ApiError) return error.toAnswer();
  // A bug or a full disk of the sandbox itself: its message distinguishes it from injected faults.
  const text = `the sandbox itself failed: ${error instanceof Error ? error.message : String(error)}`;
  return { status: 500, body: errorBody(assumedType.internal, assumedCode.internal, text) };
}

function isTransactionsPost(request: ApiRequest): boolean {
  return request.method === 'POST' && request.path === transactionsPath;
}

function subjectOf(request: ApiRequest): RutterFaultSubject {
  const outer = isObject(request.json) ? request.json['bank_feed_transactions'] : undefined;
  const list = isObject(outer) && Array.isArray(outer['transactions']) ? outer['transactions'] : [];
  const accountId = isObject(outer) ? outer['bank_feed_account_id'] : request.params['id'];
  return {
    method: request.method,
    path: request.path,
    ids: {
      account: typeof accountId === 'string' ? accountId : null,
      connection: request.connection?.id ?? null,
    },
    transactionIds: () =>
      new Set(list.map((item: unknown) => (isObject(item) ? String(item['transaction_id']) : ''))),
  };
}

function logRequest(
  sandbox: Sandbox,
  request: ApiRequest,
  exchange: Exchange,
  status: number,
  durationMs: number,
): void {
  const body = exchange.answer?.body;
  const outer = isObject(request.json) ? request.json['bank_feed_transactions'] : undefined;
  const list = isObject(outer) ? outer['transactions'] : undefined;
  sandbox.requests.add({
    at: new Date(sandbox.clock.nowMs()).toISOString(),
    method: request.method,
    path: redactedTarget(request.path, request.query),
    connection_id: request.connection?.id ?? null,
    idempotency_key: idempotencyKeyOf(request),
    status,
    error_code: isObject(body) && typeof body['error_code'] === 'string' ? body['error_code'] : null,
    job_id: exchange.answer?.headers?.['X-Rutter-Job-ID'] ?? null,
    replayed: exchange.replayed,
    duration_ms: Math.round(durationMs),
    transaction_count: Array.isArray(list) ? list.length : null,
    body_sha256: request.bodySha256,
    faults: exchange.faults.map((fault) => fault.kind),
  });
}
