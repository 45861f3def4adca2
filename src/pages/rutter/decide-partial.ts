import type { Request, Response } from 'express';
import { recordPartialDecision } from '../../db/rutter/handoffs.js';
import { readField, requireOwnForm } from '../form.js';
import { PageProblem } from '../page-problem.js';
import type { RutterPages } from './context.js';
import { finishHandoff } from './finish.js';
import { requireSignedIn } from './handoff-visit.js';
import { decisionField, decisions } from './progress-view.js';

/**
 * `POST /login/<handoff>/decision`: whether to go on without the accounts that could not be published. The answer is
 * stored once, then the page waits for the redirect; a repeat finds it stored and waits with the first.
 */
export async function decidePartial(pages: RutterPages, request: Request, response: Response): Promise<void> {
  const { t } = pages;
  const visit = await requireSignedIn(pages, request);
  if (visit === null) throw new PageProblem(403, t.visit.noVisit);
  requireOwnForm(request, t, { publicUrl: pages.config.publicUrl, token: visit.visit.formToken });
  const decision = decisionOf(readField(request, t, decisionField));
  if (decision === null) throw new PageProblem(400, t.problems.badForm);
  const { handoffId } = visit.handoff;
  const {
    customerId,
    visit: { formToken },
  } = visit;
  const recorded = await recordPartialDecision(pages.pool, { handoffId, customerId, decision });
  pages.logger.info({ handoffId, recorded, decision }, 'partial sharing decided');
  await finishHandoff(pages, response, { handoffId, customerId, formToken });
}

function decisionOf(value: string): 'accepted' | 'declined' | null {
  if (value === decisions.accepted) return 'accepted';
  return value === decisions.declined ? 'declined' : null;
}
