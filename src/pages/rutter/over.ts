import type { HandoffRow } from '../../db/rutter/handoffs.js';
import { PageProblem } from '../page-problem.js';
import type { RutterTexts } from './texts.js';

/** The page of a handoff that has ended or expired, with the next steps; null while it is open. */
export function overPage(t: RutterTexts, handoff: HandoffRow): PageProblem | null {
  switch (handoff.state) {
    case 'taken':
      return new PageProblem(410, t.over.taken);
    case 'superseded':
      return new PageProblem(409, t.over.superseded);
    case 'refused':
      return new PageProblem(409, t.refused[handoff.reason ?? 'provider_refused']);
    case 'expired':
      return new PageProblem(410, t.over.expired);
    default:
      // The workflow is about to end it; the page need not wait for that.
      return handoff.remainingMs > 0 ? null : new PageProblem(410, t.over.expired);
  }
}
