import type { Request, Response } from 'express';
import { cancelHandoff } from '../../db/rutter/handoff-ends.js';
import { readHandoff, type HandoffRow } from '../../db/rutter/handoffs.js';
import { countTakenBack } from '../../db/rutter/sharing-progress.js';
import { WorkflowsUnavailable } from '../../temporal/calls.js';
import { requireOwnForm } from '../form.js';
import { html, type Html } from '../html.js';
import { PageProblem, seeOther, sendMessage } from '../page-problem.js';
import { readVisit, type Visit } from '../session.js';
import { backToSage, sageOriginOf } from './back-to-sage.js';
import type { RutterPages } from './context.js';
import { isHandoffId } from './handoff-visit.js';
import { cancelForm } from './handoff-page.js';
import { overPage } from './over.js';
import { stepPaths } from './paths.js';

/** What this browser may cancel, or see the end of. */
interface CancelVisit {
  readonly visit: Visit;
  readonly handoff: HandoffRow;
}

/**
 * `GET /login/<handoff>/cancel`: how the handoff ended; or, while it goes on, whether to end it. The page after Cancel,
 * since Rutter documents no address for a login that was given up: without a one-time password its own page would only
 * report an error.
 */
export async function showCancel(pages: RutterPages, request: Request, response: Response): Promise<void> {
  const found = await findVisit(pages, request);
  if (found === null) return sendNothing(pages, response);
  const { handoff, visit } = found;
  const { t } = pages;
  const over = overPage(t, handoff);
  if (over === null) {
    const { heading, paragraphs, confirm, goOn } = t.cancel.ask;
    const more = html`<div class="actions">
      ${cancelForm({ handoffId: handoff.handoffId, formToken: visit.formToken }, { label: confirm, danger: true })}
      <a class="button quiet" href="${stepPaths.signIn(handoff.handoffId)}">${goOn}</a>
    </div>`;
    return sendMessage(response, t, 200, { heading, paragraphs, more });
  }
  if (handoff.state === 'taken') {
    const { heading, paragraphs, feeds } = t.cancel.tooLate;
    const more = html`<p><a href="/status" target="_top">${feeds}</a></p>`;
    return sendMessage(response, t, 200, { heading, paragraphs, more });
  }
  sendMessage(response, t, 200, { ...over.page, more: await lastWords(pages, handoff) });
}

/** What was prepared and taken back, that the window may be closed, and the way to Sage where it is known. */
async function lastWords({ t, pool, config }: RutterPages, handoff: HandoffRow): Promise<Html> {
  const prepared = handoff.reason === 'cancelled' ? await countTakenBack(pool, handoff) : 0;
  return html`${prepared > 0 && html`<p>${t.cancel.prepared(prepared)}</p>`}
    <p>${t.cancel.close}</p>
    ${backToSage(t, sageOriginOf(handoff.refererOrigin, config))}`;
}

/**
 * `POST /login/<handoff>/cancel`: ends the handoff. Pressed twice or late it changes nothing, and the page shows how the
 * handoff ended. The row is the truth: its workflow and those of closed feeds are notified, and find it without that, too.
 */
export async function cancel(pages: RutterPages, request: Request, response: Response): Promise<void> {
  const found = await findVisit(pages, request);
  if (found === null) return sendNothing(pages, response);
  const { handoff, visit } = found;
  const { handoffId } = handoff;
  requireOwnForm(request, pages.t, { publicUrl: pages.config.publicUrl, token: visit.formToken });
  const result = await cancelHandoff(pages.pool, { handoffId, customerId: visit.customerId ?? null });
  pages.logger.info({ handoffId, result: result.kind }, 'handoff cancelled');
  if (result.kind === 'cancelled') await notify(pages, { handoffId, feedIds: result.closedFeedIds });
  seeOther(response, stepPaths.cancel(handoffId));
}

async function notify(
  { rutter, logger }: RutterPages,
  { handoffId, feedIds }: { handoffId: string; feedIds: readonly string[] },
): Promise<void> {
  try {
    await rutter.accountsShared({ handoffId });
    for (const feedId of feedIds) await rutter.feedFactsChanged({ feedId });
  } catch (error) {
    if (!(error instanceof WorkflowsUnavailable)) throw error;
    logger.warn({ err: error, handoffId }, 'workflows not notified of the cancelled handoff');
  }
}

/** Null without a visit of this browser, and when another browser's customer has signed in to the handoff. */
async function findVisit(pages: RutterPages, request: Request): Promise<CancelVisit | null> {
  const { handoffId } = request.params;
  if (!isHandoffId(handoffId)) throw new PageProblem(404, pages.t.problems.notFound);
  const visit = readVisit(request, handoffId);
  const handoff = visit === undefined ? null : await readHandoff(pages.pool, { handoffId });
  if (visit === undefined || handoff === null) return null;
  const isOwn = handoff.customerId === null || handoff.customerId === visit.customerId;
  return isOwn ? { visit, handoff } : null;
}

function sendNothing({ t }: RutterPages, response: Response): void {
  sendMessage(response, t, 403, { ...t.cancel.nothing });
}
