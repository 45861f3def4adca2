import { randomUUID } from 'node:crypto';
import type { SageOnboardingRow } from '../../db/sage-banking/onboardings.js';
import { isRutterFeed, type RutterFeed } from '../../db/rutter/customer-feeds.js';
import { isSageFeed } from '../../db/sage-banking/customer-feeds.js';
import type { CustomerFeed, CustomerHappening } from '../../db/status-views.js';
import type { FeedState } from '../../domain/feed.js';
import { isBlocked } from '../../domain/rutter/feed.js';
import { csrfFieldName } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { fact } from '../layout.js';
import type { Texts } from '../texts.js';
import { printCount, printDate, printMoment } from '../time-text.js';
import { connectBankCard, sageFeedCard } from '../sage-banking/feed-card.js';
import { onboardingCard } from '../sage-banking/onboarding-card.js';
import { statusPaths } from './status-context.js';

export interface FeedsView {
  readonly formToken: string;
  readonly customerName: string;
  readonly feeds: readonly CustomerFeed[];
  readonly happenings: readonly CustomerHappening[];
  /** Where an unused connection can be linked; null when one has to be made first. */
  readonly unusedLinkUrl: string | null;
  readonly justStopped: boolean;
  /** Whether the channel of Sage's Banking Service is open. */
  readonly sageIsOpen: boolean;
  /** The customer's newest at Sage's Banking Service; null where there is none, or the channel is closed. */
  readonly onboarding: SageOnboardingRow | null;
}

/** The customer's feeds with what to do about each, connecting another company, and what happened. */
export function feedsMain(t: Texts, view: FeedsView): Html {
  return html`<div class="opening">
      <h1>${t.status.heading}</h1>
      <p class="soft">${t.accounts.signedInAs} <bdi>${view.customerName}</bdi></p>
      ${view.justStopped && html`<div class="good" role="status"><p>${t.status.stopped}</p></div>`}
    </div>
    ${view.onboarding !== null && onboardingCard(t, view.onboarding)}
    ${view.feeds.length === 0 && html`<div class="card"><p>${t.status.none}</p></div>`}
    ${view.feeds.map((feed) =>
      isRutterFeed(feed)
        ? feedCard(t, feed, overlaps(feed, view.feeds))
        : isSageFeed(feed) && sageFeedCard(t, feed, { formToken: view.formToken, isOpen: view.sageIsOpen }),
    )}
    ${view.sageIsOpen && connectBankCard(t)}
    <section class="card" aria-labelledby="connect">
      <h2 class="first" id="connect">${t.status.connectHeading}</h2>
      <p>${t.status.connectLead}</p>
      ${connectForm(t, view)}
    </section>
    <section class="card" aria-labelledby="happened">
      <h2 class="first" id="happened">${t.status.happenedHeading}</h2>
      ${happenedList(t, view.happenings)}
    </section>`;
}

/** The sign-out button of the header. */
export function signOutForm(t: Texts, formToken: string): Html {
  return html`<form method="post" action="${statusPaths.signOut}">
    <input type="hidden" name="${csrfFieldName}" value="${formToken}" />
    <button type="submit" class="quiet slim">${t.status.signOut}</button>
  </form>`;
}

const stateTones: Record<FeedState, '' | 'is-good' | 'is-waiting'> = {
  created: '',
  awaiting_activation: 'is-waiting',
  backfilling: '',
  syncing: 'is-good',
  live: 'is-good',
  paused: 'is-waiting',
  reauth_required: 'is-waiting',
  disconnected: 'is-waiting',
  closed: '',
};

/** Whether the account is sent over another connection too: its history then goes to both. */
function overlaps(feed: RutterFeed, feeds: readonly CustomerFeed[]): boolean {
  if (feed.state === 'closed') return false;
  return feeds.some(
    (other) =>
      isRutterFeed(other) &&
      other.accountId === feed.accountId &&
      other.connectionId !== feed.connectionId &&
      other.state !== 'closed',
  );
}

function feedCard(t: Texts, feed: RutterFeed, overlapping: boolean): Html {
  const { label, advice } = t.status.states[feed.state];
  const open = feed.state !== 'closed';
  return html`<section class="card" aria-labelledby="feed-${feed.feedId}">
    <div class="row">
      <h2 class="first" id="feed-${feed.feedId}">
        <bdi>${feed.accountName}</bdi>
        ${feed.numberLast4 !== null && html`<span class="digits">${t.status.account(feed.numberLast4)}</span>`}
      </h2>
      <span class="state ${stateTones[feed.state]}">${label}</span>
    </div>
    ${feed.connectionName !== null && html`<p class="soft small"><bdi>${feed.connectionName}</bdi></p>`}
    <p class="advice">${advice}</p>
    ${overlapping && html`<div class="note" role="note"><p>${t.status.overlap}</p></div>`}
    ${open && failure(t, feed)} ${open && quarantined(t, feed)}
    <dl class="facts">
      ${fact(t.status.delivered, printCount(t, Number(feed.deliveredCount)))}
      ${fact(t.status.lastSent, feed.lastSyncedAt === null ? t.status.never : printMoment(t, feed.lastSyncedAt))}
      ${
        feed.transactionStartDate !== null &&
        fact(t.status.startDate, printDate(t, feed.transactionStartDate))
      }
    </dl>
    ${open && feedActions(t, feed)}
  </section>`;
}

/** Why a feed that should be sending is not, where its state does not say it. */
function failure(t: Texts, { reason }: RutterFeed): Html | undefined {
  if (reason === null) return undefined;
  return html`<div class="note"><p>${isBlocked(reason) ? t.status.held : t.status.retrying}</p></div>`;
}

/** What the bank has set aside; which and why is the bank's matter. */
function quarantined(t: Texts, feed: RutterFeed): Html | undefined {
  const count = Number(feed.quarantinedCount);
  if (count === 0) return undefined;
  return html`<div class="note"><p>${t.status.quarantined(count)}</p></div>`;
}

function feedActions(t: Texts, feed: RutterFeed): Html {
  const reconnect = feed.state === 'reauth_required' && isWebAddress(feed.linkUrl);
  return html`<div class="actions">
    ${reconnect && html`<a class="button" href="${feed.linkUrl}">${t.status.reconnect}</a>`}
    <a
      class="button quiet slim"
      href="${statusPaths.stop(feed.feedId)}"
      aria-label="${t.status.stopLabel(feed.accountName)}"
      >${t.status.stop}</a
    >
  </div>`;
}

/** The command's id is made with the form, so that a double click is one command. */
function connectForm(t: Texts, view: FeedsView): Html {
  if (isWebAddress(view.unusedLinkUrl)) {
    return html`<p><a class="button" href="${view.unusedLinkUrl}">${t.status.connectButton}</a></p>`;
  }
  return html`<form method="post" action="${statusPaths.connect}">
    <input type="hidden" name="${csrfFieldName}" value="${view.formToken}" />
    <input type="hidden" name="command_id" value="${randomUUID()}" />
    <button type="submit">${t.status.connectButton}</button>
  </form>`;
}

/** Links come from Rutter; one of another scheme is not shown. */
export function isWebAddress(address: string | null): address is string {
  return address !== null && URL.canParse(address) && /^https?:$/.test(new URL(address).protocol);
}

function happenedList(t: Texts, happenings: readonly CustomerHappening[]): Html {
  if (happenings.length === 0) return html`<p class="soft">${t.status.happenedNothing}</p>`;
  return html`<ul class="happened">
    ${happenings.map(
      (entry) =>
        html`<li>
          <time datetime="${entry.at}">${printMoment(t, entry.at)}</time>
          <span>${happenedText(t, entry)}</span>
        </li>`,
    )}
  </ul>`;
}

function happenedText(t: Texts, entry: CustomerHappening): string {
  const names = [entry.kind, `${entry.kind}_${entry.status ?? ''}`];
  const known = Object.entries({ ...t.status.happened, ...t.sage.happened });
  const words = known.find(([name]) => names.includes(name))?.[1];
  const account = entry.accountName ?? t.status.someAccount;
  return words?.({ account, count: printCount(t, Number(entry.delivered ?? 0)) }) ?? '';
}
