import { randomUUID } from 'node:crypto';
import { isRutterFeed, type RutterFeed } from '../../db/rutter/customer-feeds.js';
import type { CustomerFeed } from '../../db/channel.js';
import { zoneOf } from '../../domain/booking-day.js';
import type { FeedState } from '../../domain/feed.js';
import { isProviderCause } from '../../domain/feed-status.js';
import { sendingStates } from '../../domain/rutter/feed.js';
import { csrfFieldName } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { fact } from '../layout.js';
import { feedCardHead } from '../status/feed-card-head.js';
import { printCount, printDate, printMoment } from '../time-text.js';
import type { RutterPages } from './context.js';
import { rutterStatusPaths } from './paths.js';
import type { RutterTexts } from './texts.js';

/** A feed on /status: its state, what it delivered, and what the customer can do. */
export function rutterFeedCard(
  { t, config }: RutterPages,
  feed: CustomerFeed,
  feeds: readonly CustomerFeed[],
): Html | undefined {
  if (!isRutterFeed(feed)) return undefined;
  const timeZone = zoneOf({ timeZone: feed.timeZone, bankTimeZone: config.BANK_TIME_ZONE ?? null });
  return feedCard(t, { ...feed, timeZone }, overlaps(feed, feeds));
}

/** The card that connects a Sage company through Rutter Link. `unusedLinkUrl`: of a connection that exists already. */
export function connectCard(
  t: RutterTexts,
  { formToken, unusedLinkUrl }: { formToken: string; unusedLinkUrl: string | null },
): Html {
  return html`<section class="card" aria-labelledby="connect">
    <h2 class="first" id="connect">${t.connect.heading}</h2>
    <p>${t.connect.lead}</p>
    ${connectForm(t, formToken, unusedLinkUrl)}
  </section>`;
}

/** The form contains the command's id, so that a double click is one command. */
function connectForm(t: RutterTexts, formToken: string, unusedLinkUrl: string | null): Html {
  if (isWebAddress(unusedLinkUrl)) {
    return html`<p><a class="button" href="${unusedLinkUrl}">${t.connect.button}</a></p>`;
  }
  return html`<form method="post" action="${rutterStatusPaths.connect}">
    <input type="hidden" name="${csrfFieldName}" value="${formToken}" />
    <input type="hidden" name="command_id" value="${randomUUID()}" />
    <button type="submit">${t.connect.button}</button>
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

/** Whether another open feed of the account exists on another connection: both then receive the history. */
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

function feedCard(t: RutterTexts, feed: RutterFeed, overlapping: boolean): Html {
  const { label, tone, advice } = standing(t, feed);
  const open = feed.state !== 'closed';
  return html`<section class="card" aria-labelledby="feed-${feed.feedId}">
    ${feedCardHead(t, feed, { label, tone })}
    ${feed.connectionName !== null && html`<p class="soft small"><bdi>${feed.connectionName}</bdi></p>`}
    <p class="advice">${advice}</p>
    ${overlapping && html`<div class="note" role="note"><p>${t.feed.overlap}</p></div>`}
    ${open && closing(t, feed)} ${open && quarantined(t, feed)} ${open && stillShown(t, feed)}
    <dl class="facts">
      ${fact(t.feed.delivered, printCount(t, Number(feed.deliveredCount)))}
      ${feed.deliveredThrough !== null && fact(t.feed.sentThrough, printDate(t, feed.deliveredThrough))}
      ${feed.takenStatus !== null && fact(t.feed.takenThrough, takenText(t, feed))}
      ${fact(t.feed.lastSent, lastSent(t, feed))}
      ${feed.startDay !== null && fact(t.feed.startDate, printDate(t, feed.startDay))}
    </dl>
    ${open && feedActions(t, feed)}
  </section>`;
}

/** Sage has taken a posting only when its provider says so; where it says nothing, nothing is claimed. */
function takenText(t: RutterTexts, { takenStatus, takenThrough }: RutterFeed): string {
  if (takenThrough !== null) return printDate(t, takenThrough);
  return takenStatus === 'unknown' ? t.feed.takenUnknown : t.feed.takenNothing;
}

function lastSent(t: RutterTexts, { lastSyncedAt, timeZone }: RutterFeed): string {
  return lastSyncedAt === null ? t.status.never : printMoment(t, lastSyncedAt, timeZone);
}

/**
 * What the card says of the feed: one label and one sentence. Where the state says that the feed sends and something keeps
 * it from that, the obstacle is what is said; where the customer must act or the bank has decided, that is.
 */
function standing(t: RutterTexts, feed: RutterFeed): { label: string; tone: string; advice: string } {
  const { state, reason, degraded } = feed;
  if (reason === null || !sendingStates.includes(state)) {
    return { ...stateTexts(t, feed), tone: stateTones[state] };
  }
  if (degraded === null) return { ...t.feed.held, tone: 'is-waiting' };
  return { ...(isProviderCause(degraded.cause) ? t.feed.notAnswering : t.feed.delayed), tone: 'is-waiting' };
}

/** A closed feed says what closed it, since what the customer can do differs. */
function stateTexts(t: RutterTexts, feed: RutterFeed): { label: string; advice: string } {
  const texts = t.feed.states[feed.state];
  if (feed.state !== 'closed') return texts;
  if (feed.closedBy === 'connection') return { label: texts.label, advice: t.feed.connectionEnded };
  if (feed.closedBy !== 'account' || feed.accountClosedOn === null) return texts;
  const { label, advice } = t.feed.accountClosed;
  return { label, advice: advice(printDate(t, feed.accountClosedOn)) };
}

/** The account is closed, or will be, and its last transactions are being sent. */
function closing(t: RutterTexts, { accountClosedOn }: RutterFeed): Html | undefined {
  if (accountClosedOn === null) return undefined;
  return html`<div class="note"><p>${t.feed.accountCloses(printDate(t, accountClosedOn))}</p></div>`;
}

/** How many postings are quarantined. Which and why concerns the bank. */
function quarantined(t: RutterTexts, feed: RutterFeed): Html | undefined {
  const count = Number(feed.quarantinedCount);
  if (count === 0) return undefined;
  return html`<div class="note"><p>${t.feed.quarantined(count)}</p></div>`;
}

/** Name, number or currency that Sage shows of the account although they have changed. */
function stillShown(t: RutterTexts, { accountDifferences }: RutterFeed): Html | undefined {
  if (accountDifferences.length === 0) return undefined;
  return html`<div class="note">
    ${accountDifferences.map(({ field, shown }) => html`<p>${t.feed.stillShown[field](shown)}</p>`)}
    <p class="small">${t.feed.stillShownAdvice}</p>
  </div>`;
}

function feedActions(t: RutterTexts, feed: RutterFeed): Html {
  const reconnect = feed.state === 'reauth_required' && isWebAddress(feed.linkUrl);
  return html`<div class="actions">
    ${reconnect && html`<a class="button" href="${feed.linkUrl}">${t.feed.reconnect}</a>`}
    <a
      class="button quiet slim"
      href="${rutterStatusPaths.stop(feed.feedId)}"
      aria-label="${t.feed.stopLabel(feed.accountName)}"
      >${t.feed.stop}</a
    >
  </div>`;
}

/** Links come from Rutter; only http and https are shown. */
export function isWebAddress(address: string | null): address is string {
  return address !== null && URL.canParse(address) && /^https?:$/.test(new URL(address).protocol);
}
