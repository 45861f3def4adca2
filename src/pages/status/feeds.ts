import type { Request, Response } from 'express';
import { dbChannels } from '../../db/channels.js';
import { listConnectionsOfCustomer } from '../../db/connections.js';
import { readCustomer } from '../../db/customers.js';
import { readNewestSageOnboarding } from '../../db/sage-banking/onboardings.js';
import { listCustomerFeeds, listCustomerHappenings } from '../../db/status-views.js';
import { printPage } from '../layout.js';
import { sendPage } from '../page-problem.js';
import { feedsMain, signOutForm } from './feeds-view.js';
import type { StatusPages } from './status-context.js';
import { forCustomer } from './status-context.js';

const shownHappenings = 20;

/** `GET /status`: the customer's feeds. */
export async function showFeeds(pages: StatusPages, request: Request, response: Response): Promise<void> {
  const { t, pool } = pages;
  await forCustomer(request, response, async ({ customerId, formToken }) => {
    const kinds = [...Object.keys(t.status.happened), ...Object.keys(t.sage.happened).map(kindOf)];
    const [customer, feeds, happenings, connections, onboarding] = await Promise.all([
      readCustomer(pool, { customerId }),
      listCustomerFeeds(pool, dbChannels, { customerId }),
      listCustomerHappenings(pool, dbChannels, { customerId, kinds, limit: shownHappenings }),
      listConnectionsOfCustomer(pool, { customerId }),
      pages.sage === null ? null : readNewestSageOnboarding(pool, { customerId }),
    ]);
    const unused = connections.find(({ linkedFeeds, status }) => linkedFeeds === 0 && status !== 'refused');
    const main = feedsMain(t, {
      formToken,
      customerName: customer?.name ?? '',
      feeds,
      happenings,
      unusedLinkUrl: unused?.linkUrl ?? null,
      justStopped: request.query.stopped === '1',
      sageIsOpen: pages.sage !== null,
      onboarding,
    });
    const corner = signOutForm(t, formToken);
    sendPage(response, 200, printPage(t, { title: t.status.title, main, corner, wide: true }));
  });
}

/** What an account became is told by status: kind and status make the key of the words. */
function kindOf(key: string): string {
  return key.replace(/^(sage_account_status)_\w+$/, '$1');
}
