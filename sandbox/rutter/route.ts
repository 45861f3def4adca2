import type { Answer, ApiRequest } from './http.js';
import type { Plan } from './jobs.js';
import type { Sandbox } from './sandbox.js';

interface RouteBase {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Relative to `/versioned`; `:name` matches one segment. */
  path: string;
  /**
   * `basic`: the organisation's pair. `connection`: that and an access_token. `body`: credentials in the body.
   */
  auth: 'basic' | 'connection' | 'body';
  /** Allowed in every state of the connection (it reads or repairs that state). */
  inAnyState?: true;
}

/** Read only: answers immediately, without a job. */
export interface ReadRoute extends RouteBase {
  answer: (sandbox: Sandbox, request: ApiRequest) => Answer;
}

/** Checks the request (an ApiError refuses it) and returns what accepting it would do. */
export interface WriteRoute extends RouteBase {
  plan: (sandbox: Sandbox, request: ApiRequest) => Plan;
  /** A missing Idempotency-Key is a violation: the client could not repeat the request after a lost answer. */
  needsKey?: true;
}

export type Route = ReadRoute | WriteRoute;
