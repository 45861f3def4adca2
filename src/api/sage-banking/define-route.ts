import type { SageBankingFacade } from '../../temporal/sage-banking/facade.js';
import { createDefineRoute } from '../define-route.js';
import type { ApiDeps } from '../deps.js';

/** The parts of the API that only the `sage-banking` channel has. */
export interface SageParts {
  readonly sage: SageBankingFacade;
}

export type SageDeps = ApiDeps & SageParts;

/** `defineRoute` for the routes of the `sage-banking` channel: where the channel has no configuration they answer 501. */
export const defineSageRoute = createDefineRoute<SageDeps>({ problems: [501] });
