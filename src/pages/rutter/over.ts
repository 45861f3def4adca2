import type { HandoffRow } from '../../db/rutter/handoffs.js';
import { readChosenAccounts } from '../../db/rutter/sharing-progress.js';
import { reasonOfExpiry } from '../../domain/rutter/handoff-end.js';
import { PageProblem } from '../page-problem.js';
import type { RutterPages } from './context.js';
import { accountList } from './progress-view.js';
import type { RutterTexts } from './texts.js';

/** The page of a handoff that has ended or expired, with the next steps; null while it is open. */
export function overPage(t: RutterTexts, handoff: HandoffRow): PageProblem | null {
  switch (handoff.state) {
    case 'taken':
      return new PageProblem(410, t.over.taken);
    case 'superseded':
      return new PageProblem(409, t.over.superseded);
    case 'refused':
      return new PageProblem(409, {
        ...t.refused[handoff.reason ?? 'provider_refused'],
        isEnd: handoff.reason === 'cancelled',
      });
    case 'expired':
      return new PageProblem(410, t.refused[handoff.reason ?? 'not_finished']);
    default: {
      if (handoff.remainingMs > 0) return null;
      // The workflow is about to end it; the page need not wait for that.
      const isWorkedOn = handoff.workedAgoMs !== null;
      return new PageProblem(410, t.refused[reasonOfExpiry({ ...handoff, isWorkedOn })]);
    }
  }
}

/**
 * The same for the customer who signed in to the handoff: where accounts were refused, the page names them with the
 * reasons.
 *
 * @throws {PageProblem} when the handoff is over
 */
export async function requireNotOver({ t, pool }: RutterPages, handoff: HandoffRow): Promise<void> {
  const over = overPage(t, handoff);
  if (over === null) return;
  if (handoff.state !== 'refused' || handoff.reason === 'cancelled') throw over;
  const accounts = await readChosenAccounts(pool, handoff);
  const refused = accounts.filter(({ outcome }) => outcome === 'refused');
  if (refused.length === 0) throw over;
  throw new PageProblem(over.status, { ...over.page, more: accountList(t, refused) });
}
