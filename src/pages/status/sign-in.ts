import type { Request, Response } from 'express';
import { requireOwnForm } from '../form.js';
import { printPage } from '../layout.js';
import { seeOther, sendPage } from '../page-problem.js';
import {
  endSession,
  newFormToken,
  readCustomerSession,
  renewSession,
  saveSession,
  signInFormToken,
} from '../session.js';
import { readCredentials, signInForm, signInRefusal } from '../sign-in/sign-in-form.js';
import type { StatusPages } from './status-context.js';
import { forCustomer, statusPaths } from './status-context.js';

export async function showStatusSignIn(
  pages: StatusPages,
  request: Request,
  response: Response,
): Promise<void> {
  if (readCustomerSession(request) === undefined) await sendForm(pages, request, response, { status: 200 });
  else seeOther(response, statusPaths.feeds);
}

/** Checks the password and gives the customer a new session id. */
export async function signInToStatus(
  pages: StatusPages,
  request: Request,
  response: Response,
): Promise<void> {
  const { t } = pages;
  requireOwnForm(request, t, { publicUrl: pages.config.publicUrl, token: request.session.formToken });
  const credentials = readCredentials(request, t);
  if (credentials === null) {
    await sendForm(pages, request, response, { status: 400, alert: t.signIn.empty });
    return;
  }
  const outcome = await pages.authenticator.authenticate(credentials);
  if (outcome.kind !== 'accepted') {
    const refusal = signInRefusal(t, outcome);
    if (refusal.retryAfterSeconds !== undefined) response.setHeader('Retry-After', refusal.retryAfterSeconds);
    await sendForm(pages, request, response, { ...refusal, username: credentials.username });
    return;
  }
  await renewSession(request);
  const { customerId } = outcome;
  request.session.customer = { customerId, formToken: newFormToken(), sinceMs: request.nowMs() };
  await saveSession(request);
  seeOther(response, statusPaths.feeds);
}

/** Ends the whole session, in all windows of this browser. */
export async function signOutOfStatus(
  pages: StatusPages,
  request: Request,
  response: Response,
): Promise<void> {
  await forCustomer(request, response, async ({ formToken }) => {
    requireOwnForm(request, pages.t, { publicUrl: pages.config.publicUrl, token: formToken });
    await endSession(request);
    seeOther(response, statusPaths.signIn);
  });
}

async function sendForm(
  { t }: StatusPages,
  request: Request,
  response: Response,
  shown: { status: number; alert?: string; username?: string },
): Promise<void> {
  const { status, ...again } = shown;
  const main = signInForm(t, {
    heading: t.status.signInHeading,
    lead: t.status.signInLead,
    action: statusPaths.signIn,
    formToken: await signInFormToken(request),
    ...again,
  });
  sendPage(response, status, printPage(t, { title: t.signIn.title, main }));
}
