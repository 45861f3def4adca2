import { randomUUID } from 'node:crypto';
import type { Request, Response } from 'express';
import { listUsableConnections } from '../../db/listed-connections.js';
import { readRutterCommand } from '../../db/rutter/commands.js';
import { WorkflowsUnavailable } from '../../temporal/calls.js';
import { csrfFieldName } from '../form.js';
import { html, type Html } from '../html.js';
import { messageMain } from '../layout.js';
import { PageProblem, seeOther } from '../page-problem.js';
import { isUuid } from '../status/status-context.js';
import { awaitedLink, connectionChoice, newConnectionValue } from './connection-choice.js';
import { startConnecting } from './connect.js';
import type { RutterPages } from './context.js';
import { pageOf, sendHandoffMessage, sendHandoffPage } from './handoff-page.js';
import { requireSignedIn, type SignedInVisit } from './handoff-visit.js';
import { stepPaths } from './paths.js';
import { isWebAddress } from './status-cards.js';

const reloadSeconds = 3;

/**
 * `GET /login/<handoff>/link`: the customer connects Sage in Rutter Link before accounts are chosen. Link opens in a
 * window of its own, and this page, which loads itself again without a script, goes back to the accounts as soon as
 * Rutter calls the connection ready.
 */
export async function showLink(pages: RutterPages, request: Request, response: Response): Promise<void> {
  const visit = await requireSignedIn(pages, request);
  if (visit === null) throw new PageProblem(403, pages.t.visit.noVisit);
  const { handoffId } = visit.handoff;
  const connections = await listUsableConnections(pages.pool, visit);
  const choice = connectionChoice(connections, 'link');
  const ready = choice.ask ? choice.newConnectionId : choice.connectionId;
  if (ready !== null) {
    const chosen = choice.ask ? `?connection=${newConnectionValue}` : '';
    seeOther(response, `${stepPaths.accounts(handoffId)}${chosen}`);
    return;
  }
  const awaited = awaitedLink(connections);
  if (awaited !== undefined && isWebAddress(awaited.linkUrl)) {
    await wake(pages, awaited.connectionId);
    sendLink(pages, response, visit, awaited.linkUrl);
    return;
  }
  const { command: commandId } = request.query;
  if (isUuid(commandId)) {
    await sendPreparing(pages, response, { visit, commandId });
    return;
  }
  sendBegin(pages, response, visit);
}

/** `POST /login/<handoff>/link`: prepares the connection at Rutter; sending the form twice is one command. */
export async function beginLink(pages: RutterPages, request: Request, response: Response): Promise<void> {
  const visit = await requireSignedIn(pages, request);
  if (visit === null) throw new PageProblem(403, pages.t.visit.noVisit);
  const { formToken } = visit.visit;
  const commandId = await startConnecting(pages, request, { customerId: visit.customerId, formToken });
  seeOther(response, stepPaths.linking(visit.handoff.handoffId, commandId));
}

/** Rutter is asked at once whether Link is finished; without Temporal the next load asks again. */
async function wake({ rutter, logger }: RutterPages, connectionId: string): Promise<void> {
  try {
    await rutter.wakeConnection({ connectionId });
  } catch (error) {
    if (!(error instanceof WorkflowsUnavailable)) throw error;
    logger.warn({ err: error, connectionId }, 'connection not woken for Rutter Link');
  }
}

async function sendPreparing(
  pages: RutterPages,
  response: Response,
  { visit, commandId }: { visit: SignedInVisit; commandId: string },
): Promise<void> {
  const { t, pool } = pages;
  const command = await readRutterCommand(pool, { commandId });
  if (command?.customerId !== visit.customerId) throw new PageProblem(404, t.problems.notFound);
  if (command.state === 'failed') {
    sendHandoffMessage(pages, response, pageOf(visit), { status: 502, ...t.connect.failed });
    return;
  }
  const path = stepPaths.linking(visit.handoff.handoffId, commandId);
  const { heading, lead, title } = t.connect.connecting;
  sendReloading(pages, response, visit, { title, heading, lead, path });
}

function sendLink(pages: RutterPages, response: Response, visit: SignedInVisit, linkUrl: string): void {
  const path = stepPaths.link(visit.handoff.handoffId);
  const { heading, lead, button, waiting } = pages.t.linking;
  const more = html`<div class="actions">
      <a class="button" href="${linkUrl}" target="_blank" rel="noopener">${button}</a>
    </div>
    <p>${waiting}</p>`;
  sendReloading(pages, response, visit, { title: heading, heading, lead, path, more });
}

function sendReloading(
  pages: RutterPages,
  response: Response,
  visit: SignedInVisit,
  page: { title: string; heading: string; lead: string; path: string; more?: Html },
): void {
  const { title, heading, lead, path } = page;
  const main = messageMain({
    heading,
    paragraphs: [],
    more: html`<p role="status">${lead}</p>
      ${page.more}
      <p><a href="${path}">${pages.t.continue}</a></p>`,
  });
  const refresh = { seconds: reloadSeconds, path };
  sendHandoffPage(pages, response, pageOf(visit), { title, main, refresh });
}

/** The form contains the command's id, so that a double click is one command. */
function sendBegin(pages: RutterPages, response: Response, signedIn: SignedInVisit): void {
  const { handoff, visit } = signedIn;
  const { heading, lead, begin } = pages.t.linking;
  const main = messageMain({
    heading,
    paragraphs: [lead],
    more: html`<form method="post" action="${stepPaths.link(handoff.handoffId)}">
      <input type="hidden" name="${csrfFieldName}" value="${visit.formToken}" />
      <input type="hidden" name="command_id" value="${randomUUID()}" />
      <button type="submit">${begin}</button>
    </form>`,
  });
  sendHandoffPage(pages, response, pageOf(signedIn), { title: heading, main });
}
