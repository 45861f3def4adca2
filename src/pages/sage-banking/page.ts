import { html } from '../html.js';
import type { Html } from '../html.js';
import { messageMain, printPage } from '../layout.js';
import { sendPage } from '../page-problem.js';
import type { Message } from '../texts.js';
import { signOutForm } from '../status/feeds-view.js';
import { statusPaths } from '../status/status-context.js';
import type { SageVisit } from './context.js';

/** A waiting page reloads after this many seconds. */
export const reloadSeconds = 3;

export interface SagePage {
  readonly title: string;
  readonly main: Html;
  readonly status?: number;
  readonly wide?: boolean;
  /** The page's own address, when it reloads itself. */
  readonly reload?: string;
}

/** Sends a page with the header of a signed-in customer. */
export function sendSagePage({ pages, customer, response }: SageVisit, page: SagePage): void {
  const { t } = pages;
  const printed = printPage(t, {
    title: page.title,
    main: page.main,
    corner: signOutForm(t, customer.formToken),
    wide: page.wide ?? false,
    ...(page.reload === undefined ? {} : { refresh: { seconds: reloadSeconds, path: page.reload } }),
  });
  sendPage(response, page.status ?? 200, printed);
}

/** Sends a message with the next steps. */
export function sendSageMessage(
  visit: SageVisit,
  input: { message: Message; more?: Html | undefined; status?: number; backLink?: Html },
): void {
  const { heading, paragraphs } = input.message;
  const more = html`<div class="actions">${input.more} ${input.backLink ?? backToFeeds(visit)}</div>`;
  sendSagePage(visit, {
    title: heading,
    main: messageMain({ heading, paragraphs, more }),
    status: input.status ?? 200,
  });
}

/** Sends a waiting page. It reloads itself, and has a link for browsers that do not. */
export function sendWaiting(
  visit: SageVisit,
  input: { title: string; heading: string; lead: string; note?: string; path: string },
): void {
  const { t } = visit.pages;
  const more = html`<div class="turning" aria-hidden="true"></div>
    ${input.note !== undefined && html`<div class="note"><p>${input.note}</p></div>`}
    <p role="status">${input.lead}</p>
    <p><a href="${input.path}">${t.continue}</a></p>`;
  const main = messageMain({ heading: input.heading, paragraphs: [], more });
  sendSagePage(visit, { title: input.title, main, reload: input.path });
}

export function backToFeeds({ pages }: SageVisit): Html {
  return html`<a class="button quiet" href="${statusPaths.feeds}">${pages.t.sage.back}</a>`;
}

export function linkButton(address: string, label: string): Html {
  return html`<a class="button quiet" href="${address}">${label}</a>`;
}
