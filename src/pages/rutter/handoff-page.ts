import type { Response } from 'express';
import { csrfFieldName } from '../form.js';
import { html, type Html } from '../html.js';
import { messageMain, printPage, type PageInput } from '../layout.js';
import { sendPage } from '../page-problem.js';
import type { Message } from '../texts.js';
import type { RutterPages } from './context.js';
import type { OpenVisit } from './handoff-visit.js';
import { stepPaths } from './paths.js';

/** The handoff of a page, with the token of its browser's visit. */
export interface PageOfHandoff {
  readonly handoffId: string;
  readonly formToken: string;
}

export function pageOf({ handoff, visit }: OpenVisit): PageOfHandoff {
  return { handoffId: handoff.handoffId, formToken: visit.formToken };
}

/** Sends a page of a handoff: below what it shows is the button that ends the handoff. */
export function sendHandoffPage(
  { t }: Pick<RutterPages, 't'>,
  response: Response,
  handoff: PageOfHandoff,
  page: Omit<PageInput, 'main'> & { readonly main: Html; readonly status?: number },
): void {
  const { status = 200, ...shown } = page;
  const main = html`${page.main}
    <div class="leave">${cancelForm(handoff, { label: t.cancel.button })}</div>`;
  sendPage(response, status, printPage(t, { ...shown, main }));
}

/** The form that ends the handoff. */
export function cancelForm(
  { handoffId, formToken }: PageOfHandoff,
  button: { readonly label: string; readonly danger?: boolean },
): Html {
  return html`<form method="post" action="${stepPaths.cancel(handoffId)}">
    <input type="hidden" name="${csrfFieldName}" value="${formToken}" />
    <button type="submit" class="${button.danger === true ? 'danger' : 'quiet'}">${button.label}</button>
  </form>`;
}

/** A message with the next steps, on a page of a handoff. */
export function sendHandoffMessage(
  pages: Pick<RutterPages, 't'>,
  response: Response,
  handoff: PageOfHandoff,
  message: Message & { readonly status: number; readonly more?: Html },
): void {
  const main = messageMain(message);
  sendHandoffPage(pages, response, handoff, { status: message.status, title: message.heading, main });
}
