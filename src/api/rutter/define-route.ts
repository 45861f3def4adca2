import type { RutterFacade } from '../../temporal/rutter/facade.js';
import { createDefineRoute } from '../define-route.js';
import type { ApiDeps } from '../deps.js';

/** The parts of the API that only the `rutter` channel has. */
export interface RutterParts {
  readonly rutter: RutterFacade;
}

export type RutterDeps = ApiDeps & RutterParts;

/** `defineRoute` for the routes of the `rutter` channel. */
export const defineRutterRoute = createDefineRoute<RutterDeps>();
