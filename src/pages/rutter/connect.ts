import { insertCommand } from '../../db/commands.js';
import { readRutterCommand, type RutterCommandResult } from '../../db/rutter/commands.js';
import type { Request, Response } from 'express';
import { readField, requireOwnForm } from '../form.js';
import { html } from '../html.js';
import { messageMain, printPage } from '../layout.js';
import { PageProblem, seeOther, sendMessage, sendPage } from '../page-problem.js';
import { isWebAddress } from './status-cards.js';
import type { RutterPages } from './context.js';
import { forCustomer, isUuid, statusPaths } from '../status/status-context.js';
import { rutterStatusPaths } from './paths.js';

const reloadSeconds = 2;

/** `POST /status/connect`: starts the command that creates a connection at Rutter. Sending the form twice is one command. */
export async function connectSage(pages: RutterPages, request: Request, response: Response): Promise<void> {
  await forCustomer(request, response, async (owner) => {
    seeOther(response, rutterStatusPaths.connecting(await startConnecting(pages, request, owner)));
  });
}

/**
 * Starts the command that creates a connection at Rutter, from a form of the customer's session. The form contains the
 * command's id. Answers the id.
 * @throws {PageProblem} 400, 403 for another's form
 */
export async function startConnecting(
  pages: RutterPages,
  request: Request,
  { customerId, formToken }: { readonly customerId: string; readonly formToken: string },
): Promise<string> {
  const { t, pool } = pages;
  requireOwnForm(request, t, { publicUrl: pages.config.publicUrl, token: formToken });
  const commandId = readField(request, t, 'command_id');
  if (!isUuid(commandId)) throw new PageProblem(400, t.problems.badForm);
  await insertCommand(pool, {
    commandId,
    customerId,
    kind: 'create_connection',
    input: {},
    secretSealed: null,
  });
  const command = await readRutterCommand(pool, { commandId });
  if (command?.customerId !== customerId) throw new PageProblem(400, t.problems.badForm);
  await pages.facade.runCommand({ commandId, channel: 'rutter' });
  return commandId;
}

/** `GET /status/connect/<command>`: waits for the connection, then links to Rutter Link. */
export async function showConnecting(
  pages: RutterPages,
  request: Request,
  response: Response,
): Promise<void> {
  const { t, pool } = pages;
  await forCustomer(request, response, async ({ customerId }) => {
    const { commandId } = request.params;
    const command = isUuid(commandId) ? await readRutterCommand(pool, { commandId }) : null;
    if (command === null || command.customerId !== customerId || command.kind !== 'create_connection') {
      throw new PageProblem(404, t.problems.notFound);
    }
    switch (command.state) {
      case 'running':
        return sendWaiting(pages, response, rutterStatusPaths.connecting(command.commandId));
      case 'failed':
        return sendMessage(response, t, 502, t.connect.failed);
      case 'done':
        return sendConnected(pages, response, linkUrlOf(command.result));
      default:
        return command.state satisfies never;
    }
  });
}

function linkUrlOf(result: RutterCommandResult | null): string | null {
  return result !== null && 'link_url' in result ? result.link_url : null;
}

function sendWaiting({ t }: RutterPages, response: Response, path: string): void {
  const { heading, lead, title } = t.connect.connecting;
  const main = messageMain({
    heading,
    paragraphs: [],
    more: html`<div class="turning" aria-hidden="true"></div>
      <p role="status">${lead}</p>
      <p><a href="${path}">${t.continue}</a></p>`,
  });
  sendPage(response, 200, printPage(t, { title, main, refresh: { seconds: reloadSeconds, path } }));
}

function sendConnected({ t }: RutterPages, response: Response, linkUrl: string | null): void {
  const { heading, lead, ready, button, back } = t.connect.connected;
  const main = messageMain({
    heading,
    paragraphs: [isWebAddress(linkUrl) ? lead : ready],
    more: html`<div class="actions">
      ${isWebAddress(linkUrl) && html`<a class="button" href="${linkUrl}">${button}</a>`}
      <a class="button quiet" href="${statusPaths.feeds}">${back}</a>
    </div>`,
  });
  sendPage(response, 200, printPage(t, { title: heading, main }));
}
