import { createHash } from 'node:crypto';
import { beginRequest, forgetRequest, keepAnswer } from '../db/idempotency-keys.js';
import type { Role } from './auth.js';
import type { ApiDeps } from './deps.js';
import { Problem, problemBody } from './problem.js';
import type { RouteAnswer } from './route-answer.js';

/** A repeated request derives the same ids from it as the first one. */
export type IdempotencySeed = string & { readonly idempotencySeed: unique symbol };

export interface KeyedRequest {
  readonly deps: ApiDeps;
  readonly role: Role;
  /** As received; undefined without the header. */
  readonly key: string | undefined;
  readonly method: string;
  /** Path and query as received. */
  readonly target: string;
  readonly rawBody: Uint8Array;
  readonly requestId: string;
}

/** For answers with values that must not be stored: the part that is stored instead, and how the answer is rebuilt from it. */
export interface AnswerReplay {
  /** @param body of an answer that is not a problem */
  keep(body: unknown): unknown;
  /** @throws {Problem} 404 when the resource of the answer does not exist any more */
  rebuild(deps: ApiDeps, kept: unknown): Promise<unknown>;
}

/** Seconds after which a caller should check whether the first call under its key has ended. */
const runningRetrySeconds = '2';
const keyPattern = /^[\x21-\x7e]{1,255}$/;

/**
 * Runs a request once under its `Idempotency-Key`. For 24 hours later calls get the first answer with its headers, success or problem,
 * or the answer that `replay` rebuilds from it. An answer that asks for a retry (5xx, 408, 409, 429) is not stored, since the
 * retry would get it again.
 * @throws {Problem} 400 bad key, 409 for a key of another request or of one still running
 */
export async function underKey(
  request: KeyedRequest,
  work: (seed: IdempotencySeed | null) => Promise<RouteAnswer>,
  replay?: AnswerReplay,
): Promise<RouteAnswer> {
  if (request.key === undefined) return await work(null);
  const { deps, role, key } = request;
  if (!keyPattern.test(key)) throw badKey();
  const begun = await beginRequest(deps.pool, { role, key, requestHash: hashOf(request) });
  switch (begun.kind) {
    case 'answered':
      return {
        status: begun.status,
        body:
          begun.status < 400 && replay !== undefined
            ? await replay.rebuild(deps, begun.response)
            : begun.response,
        headers: {
          ...begun.headers,
          'Idempotency-Replayed': 'true',
          ...(begun.status >= 400 ? { 'Content-Type': 'application/problem+json' } : {}),
        },
      };
    case 'other_request':
      throw conflict('idempotency_key_reused', 'this Idempotency-Key was used for another request');
    case 'running':
      throw conflict('request_in_progress', 'the first request under this Idempotency-Key is still running');
    case 'begun':
      return await workAndKeep(
        request,
        { role, key },
        () => work(seedOf(role, key, begun.startedAt)),
        replay,
      );
  }
}

async function workAndKeep(
  request: KeyedRequest,
  id: { role: Role; key: string },
  work: () => Promise<RouteAnswer>,
  replay: AnswerReplay | undefined,
): Promise<RouteAnswer> {
  const { pool, logger } = request.deps;
  let answer: RouteAnswer;
  try {
    answer = await work();
  } catch (error) {
    const problem = error instanceof Problem ? error.input : null;
    if (problem !== null && isKept(problem.status)) {
      const response = problemBody({ ...problem, requestId: request.requestId });
      await keepAnswer(pool, { ...id, status: problem.status, response, headers: problem.headers ?? {} });
    } else {
      // If the database does not answer, the key becomes free again once the abandoned call has expired.
      await forgetRequest(pool, id).catch((failure: unknown) =>
        logger.warn({ err: failure, requestId: request.requestId }, 'idempotency key not released'),
      );
    }
    throw error;
  }
  const response = replay === undefined ? answer.body : replay.keep(answer.body);
  await keepAnswer(pool, { ...id, status: answer.status, response, headers: answer.headers ?? {} });
  return answer;
}

function isKept(status: number): boolean {
  return status < 500 && status !== 408 && status !== 409 && status !== 429;
}

function hashOf(request: KeyedRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([request.method, request.target]))
    .update(request.rawBody)
    .digest('hex');
}

function seedOf(role: Role, key: string, startedAt: string): IdempotencySeed {
  return JSON.stringify([role, key, startedAt]) as IdempotencySeed;
}

function badKey(): Problem {
  return new Problem({
    status: 400,
    code: 'bad_idempotency_key',
    detail: 'an Idempotency-Key has 1 to 255 visible ASCII characters and is sent once',
  });
}

function conflict(code: string, detail: string): Problem {
  const headers = code === 'request_in_progress' ? { 'Retry-After': runningRetrySeconds } : {};
  return new Problem({ status: 409, code, detail, headers });
}
