import { openIfReadable } from '../../crypto/seal.js';
import { transaction } from '../../db/pool.js';
import { readSageAccount } from '../../db/sage-banking/accounts.js';
import type { SageLinkRow } from '../../db/sage-banking/bank-links.js';
import { insertSageLink, readSageLink } from '../../db/sage-banking/bank-links.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { messageMain } from '../layout.js';
import { PageProblem, seeOther } from '../page-problem.js';
import { safeAddress } from './safe-address.js';
import type { SageVisit } from './context.js';
import { notFoundProblem, orderFields, readOrderId, requireUuid } from './context.js';
import { backToFeeds, sendSageMessage, sendSagePage, sendWaiting, linkButton } from './page.js';
import { sagePaths } from './paths.js';

/** `GET /status/sage/links/<link>`: waits for the bank consent, then shows its outcome. */
export async function showLink(visit: SageVisit): Promise<void> {
  const link = await requireOwnLink(visit);
  switch (link.state) {
    case 'waiting':
      return sendLinkWaiting(visit, link);
    case 'linked':
      return await sendLinked(visit, link);
    case 'refused':
    case 'expired':
      return sendLinkFailed(visit, link);
    default:
      return link.state satisfies never;
  }
}

/**
 * `POST /status/sage/links/<link>/again`: starts the same link again, under the id that was created with the page. The
 * account of a direct bank would have to be typed again, so that continues at its form.
 */
export async function beginLinkAgain(visit: SageVisit): Promise<void> {
  const { pages, customer } = visit;
  const former = await requireOwnLink(visit);
  if (former.state === 'waiting') return seeOther(visit.response, sagePaths.link(former.linkId));
  if (former.purpose === 'direct' || former.purpose === 'candidate')
    return seeOther(visit.response, sagePaths.connect);
  await startLink(visit, {
    ...former,
    sageAccountId: former.purpose === 'link' ? null : former.sageAccountId,
  });
  pages.logger.info(
    { linkId: former.linkId, customerId: customer.customerId },
    'link begun again by its customer',
  );
}

/** Stores a link under the form's id and starts its workflow; a double click is one link. */
export async function startLink(
  visit: SageVisit,
  order: Pick<
    SageLinkRow,
    'connectionId' | 'purpose' | 'bankId' | 'bankName' | 'requestedStartDate' | 'sageAccountId'
  >,
): Promise<void> {
  const { pages, customer } = visit;
  const linkId = readOrderId(visit);
  const { connectionId, purpose, bankId, bankName, requestedStartDate, sageAccountId } = order;
  await transaction(pages.pool, (db) =>
    insertSageLink(db, {
      linkId,
      customerId: customer.customerId,
      connectionId,
      purpose,
      bankId,
      bankName,
      requestedStartDate,
      sageAccountId,
      accountSealed: null,
    }),
  );
  const link = await readSageLink(pages.pool, { linkId });
  const isSame = link?.purpose === purpose && link.bankId === bankId && link.connectionId === connectionId;
  const isSameAccount = purpose !== 'reauthorise' || link?.sageAccountId === sageAccountId;
  if (link?.customerId !== customer.customerId || !isSame || !isSameAccount) {
    throw new PageProblem(400, pages.t.problems.badForm);
  }
  await pages.sage.startLink({ linkId });
  seeOther(visit.response, sagePaths.link(linkId));
}

async function requireOwnLink(visit: SageVisit): Promise<SageLinkRow> {
  const link = await readSageLink(visit.pages.pool, { linkId: requireUuid(visit, 'linkId') });
  if (link?.customerId !== visit.customer.customerId) throw notFoundProblem(visit);
  return link;
}

function bankOf({ pages: { t } }: SageVisit, link: SageLinkRow): string {
  return link.bankName ?? t.sage.link.someBank;
}

/** Shows the button to the bank's pages once the row has their URL; before and after that, a waiting page. */
function sendLinkWaiting(visit: SageVisit, link: SageLinkRow): void {
  const { t, keyring, config } = visit.pages;
  const texts = t.sage.link;
  const path = sagePaths.link(link.linkId);
  const bank = bankOf(visit, link);
  if (link.redirectSealed === null) {
    const isCreating = link.accountSealed !== null;
    const lead = isCreating ? texts.creating : t.sage.waiting.lead;
    return sendWaiting(visit, {
      title: texts.preparing.title,
      heading: texts.preparing.heading(bank),
      lead,
      path,
    });
  }
  const context = { table: 'sage_links', row: link.linkId, column: 'redirect' };
  const opened = openIfReadable(keyring, link.redirectSealed, context);
  const target = safeAddress(opened.text, config);
  if (target === null) {
    return sendSageMessage(visit, {
      message: {
        heading: texts.failed.heading,
        paragraphs: [opened.text === null ? texts.waiting.unreadable : texts.waiting.unsafe],
      },
      status: 502,
    });
  }
  const more = html`${link.attempts > 1 && html`<div class="note" role="status"><p>${texts.lostConsent}</p></div>`}
    <p>
      <a class="button" href="${target.address}" target="_blank" rel="noopener noreferrer"
        >${texts.waiting.button(bank)}</a
      >
    </p>
    <div class="turning" aria-hidden="true"></div>
    <p role="status">${texts.waiting.status}</p>
    <p><a href="${path}">${t.continue}</a></p>`;
  const main = messageMain({
    heading: texts.waiting.heading(bank),
    paragraphs: [texts.waiting.lead(target.host), texts.waiting.opened],
    more,
  });
  sendSagePage(visit, { title: texts.preparing.title, main, reload: path });
}

async function sendLinked(visit: SageVisit, link: SageLinkRow): Promise<void> {
  const { t, pool } = visit.pages;
  const texts = t.sage.link;
  const account =
    link.sageAccountId === null ? null : await readSageAccount(pool, { sageAccountId: link.sageAccountId });
  const message = link.purpose === 'reauthorise' ? texts.reauthorized : texts.linked;
  const links: Html[] = [];
  if (account !== null) {
    const path = sagePaths.account(account.sageAccountId);
    links.push(html`<a class="button" href="${path}">${texts.openAccount}</a>`);
    if (link.purpose !== 'reauthorise' && account.predecessorId !== null) {
      links.push(linkButton(sagePaths.restore(account.sageAccountId), texts.restore));
    }
  }
  const asksForRules = link.purpose !== 'reauthorise' && account !== null && account.predecessorId !== null;
  const paragraphs = asksForRules ? [...message.paragraphs, texts.restoreLead] : message.paragraphs;
  sendSageMessage(visit, { message: { heading: message.heading, paragraphs }, more: html`${links}` });
}

function sendLinkFailed(visit: SageVisit, link: SageLinkRow): void {
  const { t } = visit.pages;
  const texts = t.sage.link;
  const isRenewal = link.purpose === 'reauthorise';
  const { heading, more } = isRenewal ? texts.notReauthorized : texts.failed;
  const said =
    link.reason === 'link_rejected' && link.message !== null ? [t.sage.sageSaid(link.message)] : [];
  const paragraphs = [...(link.reason === null ? [] : [texts.reasons[link.reason]]), ...said, more];
  const again = html`<form method="post" action="${sagePaths.linkAgain(link.linkId)}">
    ${orderFields(visit)}
    <button type="submit">${texts.again}</button>
  </form>`;
  const other = isRenewal
    ? link.sageAccountId !== null && linkButton(sagePaths.account(link.sageAccountId), t.sage.backToAccount)
    : linkButton(sagePaths.connect, texts.otherBank);
  const main = messageMain({
    heading,
    paragraphs,
    more: html`<div class="actions">${again} ${other} ${backToFeeds(visit)}</div>`,
  });
  sendSagePage(visit, { title: heading, main });
}
