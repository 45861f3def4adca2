import { setTimeout as delay } from 'node:timers/promises';
import type { Request, Response } from 'express';
import { open } from '../../crypto/seal.js';
import type { HandoffRow } from '../../db/rutter/handoffs.js';
import { readHandoff, takeHandoffAnswer } from '../../db/rutter/handoffs.js';
import {
  readAccountsQuietMs,
  readChosenAccounts,
  type ChosenAccount,
} from '../../db/rutter/sharing-progress.js';
import { transaction } from '../../db/pool.js';
import { WorkflowsUnavailable } from '../../temporal/calls.js';
import { delayOf, handoffDelayLimits, type HandoffDelay } from '../../domain/rutter/handoff-delay.js';
import { handoffLimits } from '../../domain/rutter/handoff-limits.js';
import { PageProblem, seeOther } from '../page-problem.js';
import { isAnswerOf } from './answer.js';
import type { RutterPages } from './context.js';
import { sendHandoffPage } from './handoff-page.js';
import { requireSignedIn } from './handoff-visit.js';
import { stepPaths } from './paths.js';
import { requireNotOver } from './over.js';
import { missingMain, progressMain, questionMain } from './progress-view.js';

/** A request waits this long for the redirect; after that a page that reloads itself continues. */
const answerWaitMs = 20_000;
/** With more accounts than this the page shows early how many are shared, and then every few seconds. */
const quietAccountsMax = 4;
const progressWaitMs = 1_500;
/** While the page says that somebody is not answering, it also says how much time is left, and is read for longer. */
const delayedWaitMs = 10_000;
const delayedReloadSeconds = 5;
const firstCheckMs = 100;
const longestCheckMs = 250;
const reloadSeconds = 2;

interface Finishing {
  readonly handoffId: string;
  readonly customerId: string;
  /** Of the session, for the form of the question. */
  readonly formToken: string;
  /** The customer has seen which accounts are missing. */
  readonly seen?: boolean;
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
  const {
    customerId,
    visit: { formToken },
  } = visit;
  await finishHandoff(pages, response, {
    handoffId,
    customerId,
    formToken,
    seen: request.query.seen === '1',
  });
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
  const startedAt = Date.now();
  if (!(await isAsked(pages, finishing))) await notifyWorkflow(pages, finishing);
  for (let checkMs = firstCheckMs; ; checkMs = Math.min(checkMs * 1.25, longestCheckMs)) {
    const handoff = await readHandoff(pages.pool, finishing);
    if (handoff === null) throw new PageProblem(403, pages.t.visit.noVisit);
    await requireNotOver(pages, handoff);
    // The browser has disconnected: leave the address for the next load of the page.
    if (response.closed) {
      pages.logger.info({ handoffId: finishing.handoffId }, 'browser left before the redirect');
      return;
    }
    if (handoff.state === 'sharing' && handoff.partialSharing === 'asked') {
      await sendQuestion(pages, response, finishing);
      return;
    }
    if (handoff.state === 'ready') {
      if (await sendMissing(pages, response, handoff, finishing)) return;
      if (await takeAndRedirect(pages, response, handoff, finishing)) return;
    }
    if (Date.now() - startedAt >= waitMsOf(handoff)) break;
    await delay(checkMs);
  }
  await sendFinishing(pages, response, finishing);
}

/** How long a request waits: shorter where the page has something to say. */
function waitMsOf({ accountIds, quietMs }: HandoffRow): number {
  if (accountIds.length > quietAccountsMax) return progressWaitMs;
  return quietMs !== null && quietMs >= handoffDelayLimits.notAnsweringAfterMs ? delayedWaitMs : answerWaitMs;
}

/** The workflow waits for the customer: another load of the question is no news to it. */
async function isAsked({ pool }: RutterPages, { handoffId }: Finishing): Promise<boolean> {
  return (await readHandoff(pool, { handoffId }))?.partialSharing === 'asked';
}

/** Only ids go into the workflow's history, never the form's token. */
async function notifyWorkflow(pages: RutterPages, { handoffId, customerId }: Finishing): Promise<void> {
  const finishing = { handoffId, customerId };
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

async function sendFinishing(pages: RutterPages, response: Response, finishing: Finishing): Promise<void> {
  const { t, pool } = pages;
  const { handoffId } = finishing;
  const path = stepPaths.finish(handoffId);
  const accounts = await readChosenAccounts(pool, { handoffId });
  const handoff = await readHandoff(pool, { handoffId });
  const delayedBy = handoff === null ? null : await readDelay(pages, handoff);
  const minutesLeft = Math.max(0, Math.floor((handoff?.remainingMs ?? 0) / 60_000));
  const main = progressMain(t, { path, accounts, delay: delayedBy && { by: delayedBy, minutesLeft } });
  const title = delayedBy === null ? t.finishing.title : t.delayed[delayedBy].heading;
  const seconds = delayedBy === null ? reloadSeconds : delayedReloadSeconds;
  sendHandoffPage(pages, response, finishing, { title, main, refresh: { seconds, path } });
}

/** Who keeps the customer waiting, where no step and no account has succeeded for some time. */
async function readDelay({ pool }: RutterPages, handoff: HandoffRow): Promise<HandoffDelay | null> {
  const { quietMs } = handoff;
  if (handoff.state !== 'sharing' || quietMs === null || delayOf({ ...handoff, quietMs }) === null)
    return null;
  const accountsQuietMs = (await readAccountsQuietMs(pool, handoff)) ?? quietMs;
  return delayOf({ ...handoff, quietMs: Math.min(quietMs, accountsQuietMs) });
}

async function sendQuestion(pages: RutterPages, response: Response, finishing: Finishing): Promise<void> {
  const { t, pool } = pages;
  const { handoffId, formToken } = finishing;
  const accounts = await readChosenAccounts(pool, { handoffId });
  const main = questionMain(t, { action: stepPaths.decision(handoffId), formToken, accounts });
  sendHandoffPage(pages, response, finishing, { title: t.partial.title, main });
}

/**
 * Before the redirect, once: names the accounts that are not shared yet. The page goes on by itself. False when all are
 * shared, the customer knows, or little time is left.
 */
async function sendMissing(
  pages: RutterPages,
  response: Response,
  handoff: HandoffRow,
  finishing: Finishing,
): Promise<boolean> {
  const { t, pool } = pages;
  const { handoffId, seen } = finishing;
  if (seen || handoff.remainingMs < handoffLimits.missingPageLeftMinMs) return false;
  const accounts = await readChosenAccounts(pool, { handoffId });
  const isKnown = handoff.partialSharing === 'accepted';
  const isMissing = ({ outcome }: ChosenAccount) =>
    outcome === 'later' || (outcome === 'refused' && !isKnown);
  if (!accounts.some(isMissing)) return false;
  const path = stepPaths.finishSeen(handoffId);
  const main = missingMain(t, { path, accounts });
  const refresh = { seconds: handoffLimits.missingPageSeconds, path };
  sendHandoffPage(pages, response, finishing, { title: t.missing.heading, main, refresh });
  return true;
}
