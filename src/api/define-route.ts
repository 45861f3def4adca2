import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { Role } from './auth.js';
import type { ApiDeps } from './deps.js';
import type { AnswerReplay, IdempotencySeed } from './idempotency.js';
import type { Problem } from './problem.js';
import type { RouteAnswer } from './route-answer.js';

export type { RouteAnswer } from './route-answer.js';

export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete';

/** One request, read and validated. */
export interface RouteContext<Params, Query, Body, Deps = ApiDeps> {
  readonly deps: Deps;
  readonly role: Role;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Present under an `Idempotency-Key`: the same for every repetition of the request. */
  readonly seed: IdempotencySeed | null;
  /** Of the header `If-Match`: the entity tags of which the resource must have one; null: any. */
  readonly ifMatch: readonly string[] | null;
}

/** An answer in the reference. */
export interface AnswerDoc {
  readonly description: string;
  readonly schema?: z.ZodType;
}

interface RouteDocs {
  readonly summary: string;
  readonly description?: string;
  /** Answers that are not problems, by status. */
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  /** The route runs a command: while the provider has not answered, it answers 202 with the command. */
  readonly runsCommand?: boolean;
  /** Further problems that a read can answer; the reference lists all of them for every other method. */
  readonly problems?: readonly number[];
  /** The answers have an `ETag`; a write may be bound to it by `If-Match`, and is 412 when it is another one. */
  readonly hasEtag?: boolean;
  /** The resource that a 404 means: "customer", "feed". */
  readonly resource: string;
  /** On a route of a channel without configuration: the answer to every caller with a valid token. */
  readonly notConfigured?: Problem;
}

export interface RouteDefinition<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
  Deps = ApiDeps,
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
  handle(
    context: RouteContext<z.output<Params>, z.output<Query>, z.output<Body>, Deps>,
  ): Promise<RouteAnswer>;
}

/** A route that reads its own body, for instance as a stream. Its bodies are documented by hand. */
export interface StreamRouteDefinition<Params extends z.ZodObject> extends RouteDocs {
  readonly method: Method;
  readonly path: string;
  readonly roles: readonly Role[];
  readonly params: Params;
  /** The media types that it accepts, each with its content. */
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

/** A route without its types, for the list that the app serves and the reference describes. */
export type AnyRoute<Deps = ApiDeps> = RouteDefinition<z.ZodObject, z.ZodObject, z.ZodType, Deps>;
export type AnyStreamRoute = StreamRouteDefinition<z.ZodObject>;
export type Route = AnyRoute | AnyStreamRoute;

/**
 * Makes the function that ties a route's schemas to its handler's types, for handlers that get `Deps`. `problems`: what
 * every such route can answer besides its own.
 */
export function createDefineRoute<Deps>({ problems = [] }: { problems?: readonly number[] } = {}) {
  return <Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType = z.ZodUndefined>(
    definition: RouteDefinition<Params, Query, Body, Deps>,
  ): AnyRoute<Deps> =>
    // The runner hands a handler only what the definition's own schemas have parsed.
    ({ ...definition, problems: [...(definition.problems ?? []), ...problems] });
}

/** For the routes that both channels share. */
export const defineRoute = createDefineRoute<ApiDeps>();

/** `defineRoute` for a route that reads its own body. */
export function defineStreamRoute<Params extends z.ZodObject>(
  definition: StreamRouteDefinition<Params>,
): AnyStreamRoute {
  return definition;
}

/** The routes of a channel, with the parts that only this channel has added to the `deps` of their handlers. */
export function bindRoutes<Parts extends object>(
  routes: readonly AnyRoute<ApiDeps & Parts>[],
  parts: Parts,
): AnyRoute[] {
  return routes.map((route) => ({
    ...route,
    handle: (context) => route.handle({ ...context, deps: { ...context.deps, ...parts } }),
  }));
}

/** The same routes where the channel has no configuration: they answer `notConfigured`, and no handler runs. */
export function unconfiguredRoutes<Parts extends object>(
  routes: readonly AnyRoute<ApiDeps & Parts>[],
  notConfigured: Problem,
): AnyRoute[] {
  return routes.map((route) => ({ ...route, notConfigured, handle: () => Promise.reject(notConfigured) }));
}
