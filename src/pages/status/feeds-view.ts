import type { CustomerFeed } from '../../db/channel.js';
import type { CustomerEvent } from '../../db/status-views.js';
import type { PagesChannels, StatusCards } from '../channel.js';
import { csrfFieldName } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import type { Texts } from '../texts.js';
import { printCount, printMoment } from '../time-text.js';
import type { StatusPages } from './status-context.js';
import { statusPaths } from './status-context.js';

export interface FeedsView {
  readonly customerName: string;
  readonly feeds: readonly CustomerFeed[];
  /** Of each channel, in their order on the page. */
  readonly cards: readonly StatusCards[];
  readonly events: readonly CustomerEvent[];
  readonly justStopped: boolean;
  /** In which times are printed; null: UTC. */
  readonly timeZone: string | null;
}

/** The customer's feeds with the next steps for each, the cards of the channels, and the last timeline entries. */
export function feedsMain(pages: StatusPages, channels: PagesChannels, view: FeedsView): Html {
  const { t } = pages;
  const { feeds, cards } = view;
  return html`<div class="opening">
      <h1>${t.status.heading}</h1>
      <p class="soft">${t.status.signedInAs} <bdi>${view.customerName}</bdi></p>
      ${view.justStopped && html`<div class="good" role="status"><p>${t.status.stopped}</p></div>`}
    </div>
    ${cards.map((card) => card.top)}
    ${feeds.length === 0 && html`<div class="card"><p>${t.status.none}</p></div>`}
    ${feeds.map((feed) => cards.map((card) => card.feed(feed, feeds)))} ${cards.map((card) => card.bottom)}
    <section class="card" aria-labelledby="timeline">
      <h2 class="first" id="timeline">${t.status.timelineHeading}</h2>
      ${timelineList(pages, channels, view)}
    </section>`;
}

/** The sign-out button of the header. */
export function signOutForm(t: Texts, formToken: string): Html {
  return html`<form method="post" action="${statusPaths.signOut}">
    <input type="hidden" name="${csrfFieldName}" value="${formToken}" />
    <button type="submit" class="quiet slim">${t.status.signOut}</button>
  </form>`;
}

function timelineList(pages: StatusPages, channels: PagesChannels, view: FeedsView): Html {
  const { t } = pages;
  const { events, timeZone } = view;
  if (events.length === 0) return html`<p class="soft">${t.status.timelineEmpty}</p>`;
  return html`<ul class="timeline">
    ${events.map(
      (entry) =>
        html`<li>
          <time datetime="${entry.at}">${printMoment(t, entry.at, timeZone)}</time>
          <span>${timelineText(pages, channels, entry)}</span>
        </li>`,
    )}
  </ul>`;
}

function timelineText(pages: StatusPages, channels: PagesChannels, entry: CustomerEvent): string {
  const { t } = pages;
  const account = entry.accountName ?? t.status.someAccount;
  const count = printCount(t, Number(entry.delivered ?? 0));
  for (const channel of Object.values(channels)) {
    const text = channel.timelineText(pages, entry);
    if (text !== undefined) return text({ account, count });
  }
  return '';
}
