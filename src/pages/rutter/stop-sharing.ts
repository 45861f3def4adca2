import { setTimeout as delay } from 'node:timers/promises';
import type { Request, Response } from 'express';
import type { AccountRow } from '../../db/accounts.js';
import { readAccount } from '../../db/accounts.js';
import { dbChannels } from '../../db/channels.js';
import { readFeedView } from '../../db/feed-views.js';
import { csrfFieldName, requireOwnForm } from '../form.js';
import { html } from '../html.js';
import { messageMain, printPage } from '../layout.js';
import { PageProblem, seeOther, sendPage } from '../page-problem.js';
import type { RutterPages } from './context.js';
import { forCustomer, isUuid, statusPaths } from '../status/status-context.js';
import { rutterStatusPaths } from './paths.js';

/** How long the answer waits, so that /status shows the closed feed; the next load shows a slower one. */
const closeWaitMs = 5_000;
const checkMs = 100;

/** `GET /status/feeds/<feed>/stop`: asks for confirmation and explains the consequences. */
export async function askToStop(pages: RutterPages, request: Request, response: Response): Promise<void> {
  const { t } = pages;
  await forCustomer(request, response, async ({ customerId, formToken }) => {
    const { feedId, account } = await requireOwnFeed(pages, request, customerId);
    const main = messageMain({
      heading: t.feed.stopHeading(account.name),
      paragraphs: t.feed.stopExplained,
      more: html`<div class="actions">
        <form method="post" action="${rutterStatusPaths.stop(feedId)}">
          <input type="hidden" name="${csrfFieldName}" value="${formToken}" />
          <button type="submit" class="danger">${t.feed.stopConfirm}</button>
        </form>
        <a class="button quiet" href="${statusPaths.feeds}">${t.feed.keep}</a>
      </div>`,
    });
    sendPage(response, 200, printPage(t, { title: t.feed.stop, main }));
  });
}

/** `POST /status/feeds/<feed>/stop`: requests the feed's workflow to close it. Repeating it is harmless. */
export async function stopSharing(pages: RutterPages, request: Request, response: Response): Promise<void> {
  await forCustomer(request, response, async ({ customerId, formToken }) => {
    requireOwnForm(request, pages.t, { publicUrl: pages.config.publicUrl, token: formToken });
    const { feedId, open } = await requireOwnFeed(pages, request, customerId);
    if (open) await pages.rutter.requestOfFeed({ feedId, action: 'close' });
    const waitEndsAt = Date.now() + closeWaitMs;
    while (Date.now() < waitEndsAt && !response.closed) {
      const feed = await readFeedView(pages.pool, dbChannels, { feedId });
      if (feed === null || feed.state === 'closed') break;
      await delay(checkMs);
    }
    seeOther(response, `${statusPaths.feeds}?stopped=1`);
  });
}

async function requireOwnFeed(
  { t, pool }: RutterPages,
  request: Request,
  customerId: string,
): Promise<{ feedId: string; open: boolean; account: AccountRow }> {
  const { feedId } = request.params;
  const feed = isUuid(feedId) ? await readFeedView(pool, dbChannels, { feedId }) : null;
  // A feed of the other channel is disconnected on its own page.
  const accountId = feed?.customerId === customerId ? feed.accountId : null;
  const account = accountId === null ? null : await readAccount(pool, { accountId });
  if (feed === null || account === null) throw new PageProblem(404, t.problems.notFound);
  return { feedId: feed.feedId, open: feed.state !== 'closed', account };
}
