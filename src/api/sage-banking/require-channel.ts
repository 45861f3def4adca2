import type { SageFacade } from '../../temporal/sage-banking/facade.js';
import type { ApiDeps } from '../deps.js';
import { Problem } from '../problem.js';

/** The way to the workflows of Sage's Banking Service. @throws {Problem} 501 where this channel is closed */
export function requireSage(deps: ApiDeps): SageFacade {
  if (deps.sage !== null) return deps.sage;
  const detail = "this installation does not use Sage's Banking Service: SAGE_BANKING_URL is not set";
  throw new Problem({ status: 501, code: 'sage_not_configured', detail });
}
