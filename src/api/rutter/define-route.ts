import type { z } from 'zod';
import type { RutterFacade } from '../../temporal/rutter/facade.js';
import type { AnyRoute, RouteDefinition } from '../define-route.js';
import type { ApiDeps } from '../deps.js';

/** The parts of the API that only the `rutter` channel has. */
export interface RutterParts {
  readonly rutter: RutterFacade;
}

export type RutterDeps = ApiDeps & RutterParts;

/** Ties the schemas of a route of the `rutter` channel to its handler's types. */
export function defineRutterRoute<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType = z.ZodUndefined,
>(definition: RouteDefinition<Params, Query, Body, RutterDeps>): AnyRoute<RutterDeps> {
  return definition;
}
