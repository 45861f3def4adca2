import type { z } from 'zod';
import type { SageBankingFacade } from '../../temporal/sage-banking/facade.js';
import type { AnyRoute, RouteDefinition } from '../define-route.js';
import type { ApiDeps } from '../deps.js';

/** The parts of the API that only the `sage-banking` channel has. */
export interface SageParts {
  readonly sage: SageBankingFacade;
}

export type SageDeps = ApiDeps & SageParts;

/** Ties the schemas of a route of the `sage-banking` channel to its handler's types. All of them can answer 501. */
export function defineSageRoute<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType = z.ZodUndefined,
>(definition: RouteDefinition<Params, Query, Body, SageDeps>): AnyRoute<SageDeps> {
  return { ...definition, problems: [...(definition.problems ?? []), 501] };
}
