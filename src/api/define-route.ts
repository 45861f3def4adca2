import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { Role } from './auth.js';
import type { ApiDeps } from './deps.js';
import type { AnswerReplay, IdempotencySeed } from './idempotency.js';

export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete';

/** What a handler answers; written as JSON. */
export interface RouteAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request, read and validated. */
export interface RouteContext<Params, Query, Body> {
  readonly deps: ApiDeps;
  readonly role: Role;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Present under an `Idempotency-Key`: the same for all who do this request again. */
  readonly seed: IdempotencySeed | null;
}

/** What the reference says of an answer. */
export interface AnswerDoc {
  readonly description: string;
  readonly schema?: z.ZodType;
}

interface RouteDocs {
  readonly summary: string;
  readonly description?: string;
  /** Answers that are not problems, by status. */
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  /** Further problems that a read can answer; every other method lists all that there are. */
  readonly problems?: readonly number[];
  /** What a 404 means here: "customer", "feed". */
  readonly resource: string;
}

export interface RouteDefinition<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
> extends RouteDocs {
  readonly method: Method;
  /** As in OpenAPI: `/v1/feeds/{feed_id}`. */
  readonly path: string;
  readonly roles: readonly Role[];
  readonly params: Params;
  readonly query: Query;
  readonly body?: {
    readonly schema: Body;
    readonly bytesMax: number;
    /** What the reference shows where the handler validates the body itself. */
    readonly documented?: z.ZodType;
  };
  /** For a POST whose answer must not be kept under its `Idempotency-Key` as it is. */
  readonly replay?: AnswerReplay;
  handle(context: RouteContext<z.output<Params>, z.output<Query>, z.output<Body>>): Promise<RouteAnswer>;
}

/** A route that reads its own body, as a stream for instance; it is documented by hand where schemas do not reach. */
export interface StreamRouteDefinition<Params extends z.ZodObject> extends RouteDocs {
  readonly method: Method;
  readonly path: string;
  readonly roles: readonly Role[];
  readonly params: Params;
  /** The media types that it takes, with what is in them. */
  readonly bodies: Readonly<Record<string, { readonly schema: z.ZodType; readonly description: string }>>;
  handleStream(input: StreamContext<z.output<Params>>): Promise<void>;
}

export interface StreamContext<Params> {
  readonly deps: ApiDeps;
  readonly role: Role;
  readonly params: Params;
  readonly request: Request;
  readonly response: Response;
}

/** A route without its types: for the list that the app and the reference are made of. */
export type AnyRoute = RouteDefinition<z.ZodObject, z.ZodObject, z.ZodType>;
export type AnyStreamRoute = StreamRouteDefinition<z.ZodObject>;
export type Route = AnyRoute | AnyStreamRoute;

/** Ties a route's schemas to its handler's types. */
export function defineRoute<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType = z.ZodUndefined,
>(definition: RouteDefinition<Params, Query, Body>): AnyRoute {
  // The runner hands a handler only what the definition's own schemas have parsed.
  return definition;
}

/** The same for a route that reads its own body. */
export function defineStreamRoute<Params extends z.ZodObject>(
  definition: StreamRouteDefinition<Params>,
): AnyStreamRoute {
  return definition;
}
