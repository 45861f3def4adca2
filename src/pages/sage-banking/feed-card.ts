import { randomUUID } from 'node:crypto';
import type { SageFeed } from '../../db/sage-banking/customer-feeds.js';
import { csrfFieldName } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { feedCardHead } from '../status/feed-card-head.js';
import { accountFacts } from './account-facts.js';
import { accountStanding } from './account-standing.js';
import { sagePaths } from './paths.js';
import type { SageTexts } from './texts.js';

/** An account at another bank on /status: its status and the next steps. */
export function sageFeedCard(
  t: SageTexts,
  feed: SageFeed,
  page: { formToken: string; isConfigured: boolean; timeZone: string | null; nowMs: number },
): Html {
  const { label, tone, advice, failure } = accountStanding(t, feed, page.nowMs);
  return html`<section class="card" aria-labelledby="feed-${feed.feedId}">
    ${feedCardHead(t, feed, { label, tone })}
    <p class="soft small"><bdi>${feed.bankName}</bdi> → <bdi>${feed.connectionName}</bdi></p>
    <p class="advice">${advice}</p>
    ${failure !== undefined && html`<div class="note"><p>${failure}</p></div>`}
    ${accountFacts(t, { ...feed, timeZone: page.timeZone, ledger: { amount: feed.ledgerBalance, date: feed.ledgerBalanceDate } })}
    ${page.isConfigured && actions(t, feed, page.formToken)}
  </section>`;
}

/** The card that leads to connecting a bank, or to the steps before. */
export function connectBankCard(t: SageTexts): Html {
  return html`<section class="card" aria-labelledby="connect-bank">
    <h2 class="first" id="connect-bank">${t.sage.connect.heading}</h2>
    <p>${t.sage.connect.lead}</p>
    <p><a class="button" href="${sagePaths.connect}">${t.sage.connect.button}</a></p>
  </section>`;
}

function actions(t: SageTexts, feed: SageFeed, formToken: string): Html {
  const asks = feed.status === 'authRequired' && feed.dataProvider === 'indirect' && !feed.isDisconnecting;
  return html`<div class="actions">
    ${
      asks &&
      html`<form method="post" action="${sagePaths.reauthorize(feed.feedId)}">
        <input type="hidden" name="${csrfFieldName}" value="${formToken}" />
        <input type="hidden" name="order_id" value="${randomUUID()}" />
        <button type="submit">${t.sage.account.reauthorize}</button>
      </form>`
    }
    <a
      class="button quiet slim"
      href="${sagePaths.account(feed.feedId)}"
      aria-label="${t.sage.openLabel(feed.accountName)}"
      >${t.sage.open}</a
    >
  </div>`;
}
