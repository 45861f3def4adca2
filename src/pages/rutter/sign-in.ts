import type { Request, Response } from 'express';
import { recordHandoffLogin, recordSignInFailure } from '../../db/rutter/handoffs.js';
import { requireOwnForm } from '../form.js';
import { PageProblem, seeOther } from '../page-problem.js';
import { rememberVisit, renewSession } from '../session.js';
import { readCredentials, signInForm, signInRefusal } from '../sign-in/sign-in-form.js';
import type { RutterPages } from './context.js';
import { sendHandoffPage } from './handoff-page.js';
import type { OpenVisit } from './handoff-visit.js';
import { requireVisit } from './handoff-visit.js';
import { stepPaths } from './paths.js';

/** `GET /login/<handoff>`: the form, or the next step for a customer who has already signed in. */
export async function showSignIn(pages: RutterPages, request: Request, response: Response): Promise<void> {
  const open = await requireVisit(pages, request);
  if (open.visit.customerId !== undefined) {
    seeOther(response, stepPaths.accounts(open.handoff.handoffId));
    return;
  }
  sendForm(pages, response, open, { status: 200 });
}

/**
 * `POST /login/<handoff>`: checks the password, ties the handoff to the customer and the customer to a new session
 * id. The row is written before the workflow is signaled; if Temporal does not accept the signal, sharing the accounts repeats it.
 */
export async function signIn(pages: RutterPages, request: Request, response: Response): Promise<void> {
  const { t, pool } = pages;
  const open = await requireVisit(pages, request);
  requireOwnForm(request, t, { publicUrl: pages.config.publicUrl, token: open.visit.formToken });
  const credentials = readCredentials(request, t);
  if (credentials === null) {
    sendForm(pages, response, open, { status: 400, alert: t.signIn.empty });
    return;
  }
  const outcome = await pages.authenticator.authenticate(credentials);
  if (outcome.kind !== 'accepted') {
    if (outcome.kind === 'refused') await recordSignInFailure(pool, open.handoff);
    const refusal = signInRefusal(t, outcome);
    if (refusal.retryAfterSeconds !== undefined) response.setHeader('Retry-After', refusal.retryAfterSeconds);
    sendForm(pages, response, open, { ...refusal, username: credentials.username });
    return;
  }
  const { handoffId, remainingMs } = open.handoff;
  const { customerId } = outcome;
  const recorded = await recordHandoffLogin(pool, { handoffId, customerId });
  if (recorded === 'other_customer') throw new PageProblem(409, t.over.elsewhere);
  if (recorded === 'over') throw new PageProblem(410, t.over.expired);
  await pages.rutter.loginSucceeded({ handoffId, customerId }).catch((error: unknown) => {
    pages.logger.warn({ err: error, handoffId }, 'workflow not notified of the login');
  });
  // Last: a second click that arrives before this still finds the session of its form.
  await renewSession(request);
  await rememberVisit(request, { handoffId, remainingMs, customerId });
  seeOther(response, stepPaths.accounts(handoffId));
}

function sendForm(
  pages: RutterPages,
  response: Response,
  { handoff, visit }: OpenVisit,
  shown: { status: number; alert?: string; username?: string },
): void {
  const { t } = pages;
  const { handoffId } = handoff;
  const { formToken } = visit;
  const { status, ...again } = shown;
  const main = signInForm(t, {
    heading: t.signIn.heading,
    lead: t.signIn.lead,
    action: stepPaths.signIn(handoffId),
    formToken,
    ...again,
  });
  sendHandoffPage(pages, response, { handoffId, formToken }, { status, title: t.signIn.title, main });
}
