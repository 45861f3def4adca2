import type { Answer, ApiRequest } from './http.js';
import type { Plan } from './jobs.js';
import type { Sandbox } from './sandbox.js';

interface RouteBase {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/versioned`; `:name` takes one part. */
  path: string;
  /**
   * `basic`: the organisation's pair. `connection`: that and an access_token. `body`: credentials in the body.
   */
  auth: 'basic' | 'connection' | 'body';
  /** Answered whatever state the connection is in (it tells that state, or mends it). */
  inAnyState?: true;
}

/** Answers at once, changes nothing, has no job. */
export interface ReadRoute extends RouteBase {
  answer: (sandbox: Sandbox, request: ApiRequest) => Answer;
}

/** Checks the request (throwing ApiError refuses it) and says what accepting it would do. */
export interface WriteRoute extends RouteBase {
  plan: (sandbox: Sandbox, request: ApiRequest) => Plan;
  /** A missing Idempotency-Key is recorded as a breach: a lost answer could not be asked for again. */
  needsKey?: true;
}

export type Route = ReadRoute | WriteRoute;
