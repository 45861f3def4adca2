import type { Request, Response } from 'express';
import type { z } from 'zod';
import { authorize, type Role } from './auth.js';
import type { AnyRoute, AnyStreamRoute, RouteAnswer } from './define-route.js';
import type { ApiDeps } from './deps.js';
import { describeFinding } from '../domain/validation-message.js';
import { underKey, type IdempotencySeed } from './idempotency.js';
import { parseJson } from './json-text.js';
import { readIfMatch } from './if-match.js';
import { Problem, invalid, notFound, type ProblemEntry } from './problem.js';
import { decodeUtf8, mediaTypeOf, readBody } from './read-body.js';
import { requestIdOf } from './request-id.js';

/**
 * Validates a request step by step (token and role, path, query, body), each with its own refusal, and writes the
 * handler's answer.
 */
export async function runRoute(
  deps: ApiDeps,
  route: AnyRoute,
  request: Request,
  response: Response,
): Promise<void> {
  const role = roleOf(deps, route, request);
  if (route.notConfigured != null) throw route.notConfigured;
  const params = parseParams(route, request);
  const query = parseQuery(route, request);
  const rawBody =
    route.body === undefined ? Buffer.alloc(0) : await readJsonBytes(request, route.body.bytesMax);
  const body = route.body === undefined ? undefined : parseBody(route.body.schema, parseJsonBytes(rawBody));
  const ifMatch = route.hasEtag === true ? readIfMatch(request.get('If-Match')) : null;
  const work = (seed: IdempotencySeed | null) =>
    route.handle({ deps, role, params, query, body, seed, ifMatch });
  const answer =
    route.method === 'post'
      ? await underKey(keyedRequest(deps, role, request, response, rawBody), work, route.replay)
      : await work(null);
  writeAnswer(response, answer);
}

/** The same for a route that reads its own body and writes its own answer. */
export async function runStreamRoute(
  deps: ApiDeps,
  route: AnyStreamRoute,
  request: Request,
  response: Response,
): Promise<void> {
  const role = roleOf(deps, route, request);
  const params = parseParams(route, request);
  if (queryEntries(request).length > 0) throw badQuery([{ pointer: '', message: 'allows no parameters' }]);
  await route.handleStream({ deps, role, params, request, response });
}

/** Writes a handler's answer as JSON. */
export function writeAnswer(response: Response, answer: RouteAnswer): void {
  response.status(answer.status);
  response.setHeader('Content-Type', 'application/json');
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  response.end(JSON.stringify(answer.body));
}

/** The parts of a request that {@link underKey} needs. */
export function keyedRequest(
  deps: ApiDeps,
  role: Role,
  request: Request,
  response: Response,
  rawBody: Uint8Array,
) {
  return {
    deps,
    role,
    key: request.get('Idempotency-Key'),
    method: request.method,
    target: request.originalUrl,
    rawBody,
    requestId: requestIdOf(response),
  };
}

/**
 * A JSON body's bytes. A missing body is read as the empty object, since some calls have only optional fields.
 * @throws {Problem} 415 for another media type, 413 beyond `bytesMax`
 */
async function readJsonBytes(request: Request, bytesMax: number): Promise<Buffer> {
  const mediaType = mediaTypeOf(request);
  if (mediaType === '' && hasNoBody(request)) return Buffer.from('{}');
  if (mediaType !== 'application/json') {
    throw new Problem({
      status: 415,
      code: 'unsupported_media_type',
      detail: 'send the body as application/json',
    });
  }
  return await readBody(request, { bytesMax });
}

function hasNoBody(request: Request): boolean {
  const { 'content-length': length, 'transfer-encoding': transfer } = request.headers;
  return transfer === undefined && (length === undefined || length === '0');
}

/** @throws {Problem} 400 with line and column when the bytes are not JSON */
export function parseJsonBytes(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  const result =
    text === null ? { problem: 'malformed' as const, detail: 'is not valid UTF-8' } : parseJson(text);
  if ('value' in result) return result.value;
  throw new Problem({ status: 400, code: 'malformed_json', detail: `the body ${result.detail}` });
}

/** @throws {Problem} 422 with a JSON pointer for each finding */
export function parseBody<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value, wording);
  if (result.success) return result.data;
  throw invalid({ status: 422, code: 'invalid_body', errors: entriesOf(result.error) });
}

function roleOf(deps: ApiDeps, route: AnyRoute | AnyStreamRoute, request: Request): Role {
  return authorize({
    authorization: request.headers.authorization,
    tokens: { core: deps.config.CORE_API_TOKEN, ops: deps.config.OPS_API_TOKEN },
    allowed: route.roles,
  });
}

/** An id that cannot exist is unknown (404), except where the call would create it (422). */
function parseParams(route: AnyRoute | AnyStreamRoute, request: Request): Record<string, unknown> {
  const result = route.params.safeParse(request.params, wording);
  if (result.success) return result.data;
  if (route.method !== 'put') throw notFound(route.resource);
  throw invalid({ status: 422, code: 'invalid_id', errors: entriesOf(result.error) });
}

function queryEntries(request: Request): [string, string][] {
  const mark = request.originalUrl.indexOf('?');
  return mark < 0 ? [] : [...new URLSearchParams(request.originalUrl.slice(mark + 1))];
}

/** A repeated parameter is refused: parsers differ in whether the first or the last value counts. */
function parseQuery(route: AnyRoute, request: Request): Record<string, unknown> {
  const entries = queryEntries(request);
  const values = new Map<string, string>();
  for (const [name, value] of entries) {
    if (values.has(name)) throw badQuery([{ pointer: `/${name}`, message: 'is given more than once' }]);
    values.set(name, value);
  }
  const result = route.query.safeParse(Object.fromEntries(values), wording);
  if (result.success) return result.data;
  throw badQuery(entriesOf(result.error));
}

function badQuery(errors: ProblemEntry[]): Problem {
  return invalid({ status: 400, code: 'invalid_query', errors });
}

/** Zod's own words are those of its authors, and change with it. */
const wording = { error: describeFinding };

function entriesOf(error: z.ZodError): ProblemEntry[] {
  return error.issues.flatMap((issue) => {
    const pointer = issue.path.map((part) => `/${escapePointer(String(part))}`).join('');
    if (issue.code !== 'unrecognized_keys') return [{ pointer, message: issue.message }];
    return issue.keys.map((name) => ({
      pointer: `${pointer}/${escapePointer(name)}`,
      message: 'is not a known field',
    }));
  });
}

/** Long enough to recognize a name, short enough for an answer. */
const pointerPartLengthMax = 100;

function escapePointer(part: string): string {
  return Array.from(part).slice(0, pointerPartLengthMax).join('').replaceAll('~', '~0').replaceAll('/', '~1');
}
