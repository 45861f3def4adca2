import { setTimeout as delay } from 'node:timers/promises';
import type { Request, Response } from 'express';
import { open } from '../../crypto/seal.js';
import type { HandoffRow } from '../../db/rutter/handoffs.js';
import { readHandoff, takeHandoffAnswer } from '../../db/rutter/handoffs.js';
import { transaction } from '../../db/pool.js';
import { WorkflowsUnavailable } from '../../temporal/calls.js';
import { html } from '../html.js';
import { messageMain, printPage } from '../layout.js';
import { PageProblem, seeOther, sendPage } from '../page-problem.js';
import { isAnswerOf } from './answer.js';
import type { RutterPages } from './context.js';
import { requireSignedIn } from './handoff-visit.js';
import { stepPaths } from './paths.js';
import { overPage } from './over.js';

/** A request waits this long for the redirect; after that a page that reloads itself continues. */
const answerWaitMs = 20_000;
const firstCheckMs = 100;
const longestCheckMs = 250;
const reloadSeconds = 2;

interface Finishing {
  readonly handoffId: string;
  readonly customerId: string;
}

/** `GET /login/<handoff>/finish`: continues to wait. */
export async function showFinish(pages: RutterPages, request: Request, response: Response): Promise<void> {
  const visit = await requireSignedIn(pages, request);
  if (visit === null) throw new PageProblem(403, pages.t.visit.noVisit);
  const { handoffId, state } = visit.handoff;
  if (state === 'opened' || state === 'logged_in') {
    seeOther(response, stepPaths.accounts(handoffId));
    return;
  }
  await finishHandoff(pages, response, { handoffId, customerId: visit.customerId });
}

/**
 * Notifies the workflow of the choice, waits for the redirect address, takes it, and redirects the browser: 303, as
 * after every credential (RFC 9700). The choice is stored in the row, so a repeated signal is harmless, and a signal that
 * Temporal did not accept is sent again by the next load of the page.
 *
 * @throws {PageProblem} when the handoff has ended without a redirect for this browser
 */
export async function finishHandoff(
  pages: RutterPages,
  response: Response,
  finishing: Finishing,
): Promise<void> {
  const waitEndsAt = Date.now() + answerWaitMs;
  await notifyWorkflow(pages, finishing);
  for (let checkMs = firstCheckMs; ; checkMs = Math.min(checkMs * 1.25, longestCheckMs)) {
    const handoff = await readHandoff(pages.pool, finishing);
    if (handoff === null) throw new PageProblem(403, pages.t.visit.noVisit);
    const over = overPage(pages.t, handoff);
    if (over !== null) throw over;
    // The browser has disconnected: leave the address for the next load of the page.
    if (response.closed) {
      pages.logger.info(finishing, 'browser left before the redirect');
      return;
    }
    if (handoff.state === 'ready' && (await takeAndRedirect(pages, response, handoff, finishing))) return;
    if (Date.now() >= waitEndsAt) break;
    await delay(checkMs);
  }
  sendFinishing(pages, response, finishing);
}

async function notifyWorkflow(pages: RutterPages, finishing: Finishing): Promise<void> {
  try {
    if (await pages.rutter.accountsShared(finishing)) return;
    // Not running: the signal of the login was lost, or the handoff is over, which the row then shows.
    await pages.rutter.loginSucceeded(finishing);
    await pages.rutter.accountsShared(finishing);
  } catch (error) {
    if (!(error instanceof WorkflowsUnavailable)) throw error;
    pages.logger.warn({ err: error, handoffId: finishing.handoffId }, 'workflow not notified of the choice');
  }
}

/** False when another request took the address first or the handoff has just ended: the row then shows which. */
async function takeAndRedirect(
  pages: RutterPages,
  response: Response,
  { handoffId }: HandoffRow,
  finishing: Finishing,
): Promise<boolean> {
  const taken = await transaction(pages.pool, (db) => takeHandoffAnswer(db, finishing));
  if (taken === null) return false;
  const answer = open(pages.keyring, taken.answerSealed, { table: 'handoffs', row: handoffId });
  if (!isAnswerOf({ answer, handoffId, allowedOrigins: pages.config.RUTTER_REDIRECT_ORIGINS })) {
    pages.logger.error({ handoffId }, 'stored redirect refused: not an address of this handoff');
    throw new PageProblem(409, pages.t.refused.redirect_refused);
  }
  pages.logger.info({ handoffId }, 'handoff redirected');
  seeOther(response, answer);
  return true;
}

function sendFinishing({ t }: RutterPages, response: Response, { handoffId }: Finishing): void {
  const path = stepPaths.finish(handoffId);
  const main = messageMain({
    heading: t.finishing.heading,
    paragraphs: [],
    more: html`<div class="turning" aria-hidden="true"></div>
      <p role="status">${t.finishing.lead}</p>
      <p><a href="${path}">${t.continue}</a></p>`,
  });
  const page = printPage(t, { title: t.finishing.title, main, refresh: { seconds: reloadSeconds, path } });
  sendPage(response, 200, page);
}
