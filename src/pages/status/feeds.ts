import type { Request, Response } from 'express';
import { dbChannels } from '../../db/channels.js';
import { readCustomer } from '../../db/customers.js';
import { listCustomerFeeds, listCustomerEvents } from '../../db/status-views.js';
import { zoneOf } from '../../domain/booking-day.js';
import type { PagesChannels } from '../channel.js';
import { printPage } from '../layout.js';
import { sendPage } from '../page-problem.js';
import { feedsMain, signOutForm } from './feeds-view.js';
import type { StatusPages } from './status-context.js';
import { forCustomer } from './status-context.js';

const shownEventsMax = 20;

/** `GET /status`: the customer's feeds. */
export async function showFeeds(input: {
  pages: StatusPages;
  channels: PagesChannels;
  request: Request;
  response: Response;
}): Promise<void> {
  const { pages, channels, request, response } = input;
  const { t, pool } = pages;
  await forCustomer(request, response, async (signedIn) => {
    const { customerId, formToken } = signedIn;
    const kinds = Object.values(channels).flatMap((channel) => channel.timelineKinds);
    const [customer, feeds, events, cards] = await Promise.all([
      readCustomer(pool, { customerId }),
      listCustomerFeeds(pool, dbChannels, { customerId }),
      listCustomerEvents(pool, dbChannels, { customerId, kinds, limit: shownEventsMax }),
      Promise.all(Object.values(channels).map((channel) => channel.readStatusCards(pages, signedIn))),
    ]);
    const main = feedsMain(pages, channels, {
      customerName: customer?.name ?? '',
      feeds,
      cards,
      events,
      justStopped: request.query.stopped === '1',
      timeZone: zoneOf({
        timeZone: customer?.timeZone ?? null,
        bankTimeZone: pages.config.BANK_TIME_ZONE ?? null,
      }),
    });
    const corner = signOutForm(t, formToken);
    sendPage(response, 200, printPage(t, { title: t.status.title, main, corner, wide: true }));
  });
}
