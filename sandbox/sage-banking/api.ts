import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyTooLarge, readBytes } from '../stand-in/body.js';
import { matchPath } from '../stand-in/match-path.js';
import { transmit } from '../stand-in/transmit.js';
import { checkAccess } from './access.js';
import { bodyBytesMax } from './assumptions.js';
import { applySageFault, refusalOf, type FaultSpec } from './faults.js';
import {
  ApiError,
  errorBody,
  invalid,
  isObject,
  notFound,
  parseJson,
  type Answer,
  type ApiRequest,
} from './http.js';
import type { Route } from './route.js';
import { routes } from './routes.js';
import { iso, type Sandbox } from './sandbox.js';
import { applyDueChanges } from './apply-due-changes.js';

/** What the request log records of one request. */
interface Exchange {
  answer: Answer | undefined;
  faults: FaultSpec[];
  route: Route | undefined;
}

/** Answers one request to an API, from authentication to the log line. */
export async function handleApi(
  sandbox: Sandbox,
  message: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const startedMs = performance.now();
  const request = requestOf(message, url);
  const exchange: Exchange = { answer: undefined, faults: [], route: undefined };
  try {
    request.rawBody = await readBytes(message, bodyBytesMax);
    request.json = parseJson(request.rawBody);
    exchange.answer = answer(sandbox, request, exchange);
  } catch (error) {
    exchange.answer = refuse(sandbox, request, error);
  }
  const { answer: given, faults } = exchange;
  const transmission = {
    clock: sandbox.clock,
    response,
    answer: given,
    faults,
    applyOwnFault: applySageFault,
  };
  const status = await transmit(transmission);
  const body = given?.body;
  const error = isObject(body) && isObject(body['error']) ? body['error']['code'] : null;
  sandbox.requests.add(
    {
      at: iso(sandbox.clock.nowMs()),
      method: request.method,
      path: redactedTarget(url),
      application_id: request.applicationId,
      company_id: request.company?.id ?? null,
      status,
      error_code: typeof error === 'string' ? error : null,
      duration_ms: Math.round(performance.now() - startedMs),
      faults: faults.map((fault) => fault.kind),
    },
    exchange.route?.counter,
  );
}

/** Undefined when a fault has decided that there is none. */
function answer(sandbox: Sandbox, request: ApiRequest, exchange: Exchange): Answer | undefined {
  applyDueChanges(sandbox);
  exchange.route = findRoute(request);
  if (exchange.route === undefined) {
    sandbox.violation('unknown_endpoint', `${request.method} ${request.path}`);
    throw notFound(`${request.method} ${request.path}`);
  }
  checkAccess(sandbox, request, exchange.route.access);
  const { bankAccountId, companyId } = request.params;
  const subject = {
    method: request.method,
    path: request.path,
    ids: { account: bankAccountId ?? null, company: companyId ?? null },
  };
  const early = sandbox.faults.take('request', subject);
  exchange.faults = [...early];
  const [first] = early;
  if (first !== undefined) return refusalOf(first, sandbox.origin);
  exchange.faults.push(...sandbox.faults.take('answer', subject));
  checkBody(request);
  return exchange.route.answer(sandbox, request);
}

function findRoute(request: ApiRequest): Route | undefined {
  for (const route of routes) {
    const params =
      route.method === request.method ? matchPath(route.path, request.path, { ignoreCase: true }) : undefined;
    if (params === undefined) continue;
    request.params = params;
    return route;
  }
  return undefined;
}

/** A body on a GET is tolerated and ignored (contract 10). */
function checkBody(request: ApiRequest): void {
  if (request.rawBody.length === 0 || request.method === 'GET') return;
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    throw invalid({ field: 'Content-Type', reason: 'must be application/json' });
  }
  if (request.json === undefined) throw invalid({ field: 'body', reason: 'is not JSON' });
}

function refuse(sandbox: Sandbox, request: ApiRequest, error: unknown): Answer {
  if (error instanceof BodyTooLarge) {
    return new ApiError(400, 'invalidRequest', error.message).toAnswer();
  }
  if (!(error instanceof ApiError)) {
    // A bug or a full disk of the sandbox itself: its message distinguishes it from injected faults.
    const text = `the sandbox itself failed: ${error instanceof Error ? error.message : String(error)}`;
    return { status: 500, body: errorBody('internal', text) };
  }
  const details = error.details.map(({ field, reason }) => `${field} ${reason}`).join('; ');
  const detail = `${request.method} ${request.path}: ${details === '' ? error.message : details}`;
  if (error.breach === null) sandbox.note(`answered_${error.status}`, detail);
  else sandbox.violation(error.breach, detail);
  return error.toAnswer();
}

function requestOf(message: IncomingMessage, url: URL): ApiRequest {
  const query = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (!query.has(name.toLowerCase())) query.set(name.toLowerCase(), value);
  }
  return {
    method: message.method ?? 'GET',
    path: url.pathname,
    query,
    rawQuery: url.searchParams,
    headers: message.headers,
    rawBody: Buffer.alloc(0),
    json: undefined,
    params: {},
    remoteAddress: message.socket.remoteAddress ?? '',
    applicationId: null,
    company: null,
    account: null,
  };
}

function redactedTarget(url: URL): string {
  const shown = new URLSearchParams(url.searchParams);
  if (shown.has('signature')) shown.set('signature', 'redacted');
  const text = shown.toString();
  return text === '' ? url.pathname : `${url.pathname}?${text}`;
}
