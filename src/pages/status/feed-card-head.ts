import { html } from '../html.js';
import type { Html } from '../html.js';
import type { Texts } from '../texts.js';

/** The head of a feed's card: the account, the last characters of its number or IBAN, and the state of its feed. */
export function feedCardHead(
  t: Texts,
  feed: { readonly feedId: string; readonly accountName: string; readonly numberLast4: string | null },
  state: { readonly label: string; readonly tone: string },
): Html {
  return html`<div class="row">
    <h2 class="first" id="feed-${feed.feedId}">
      <bdi>${feed.accountName}</bdi>
      ${feed.numberLast4 !== null && html`<span class="digits">${t.status.account(feed.numberLast4)}</span>`}
    </h2>
    <span class="state ${state.tone}">${state.label}</span>
  </div>`;
}
