import type { ApiChannels } from '../channel.js';
import type { Route } from '../define-route.js';
import { deleteAccountRoutes } from './delete-account.js';
import { deleteConnection } from './delete-connection.js';
import { getAccount } from './get-account.js';
import { getCommand } from './get-command.js';
import { getConnection } from './get-connection.js';
import { getCustomer } from './get-customer.js';
import { getFeed } from './get-feed.js';
import { listAccounts } from './list-accounts.js';
import { listAlerts } from './list-alerts.js';
import { listConnections } from './list-connections.js';
import { listCustomerTimelineEntries } from './list-customer-timeline.js';
import { listCustomers } from './list-customers.js';
import { listFeedTimeline } from './list-feed-timeline.js';
import { listFeeds } from './list-feeds.js';
import { acknowledgeAlert } from './post-alert-acknowledgement.js';
import { feedActionRoutes } from './post-feed-action.js';
import { postBalances } from './post-balances.js';
import { listRejectedItems } from './list-rejected-items.js';
import { postTransactions } from './post-transactions.js';
import { putAccount } from './put-account.js';
import { putCustomer } from './put-customer.js';

/** The machine API: the app serves these routes and the reference describes them. */
export function createRoutes(channels: ApiChannels): readonly Route[] {
  return [
    putCustomer,
    getCustomer,
    listCustomers,
    putAccount(channels),
    postBalances,
    getAccount,
    ...deleteAccountRoutes(channels),
    listAccounts,
    getConnection(channels),
    deleteConnection(channels),
    listConnections(channels),
    listCustomerTimelineEntries,
    postTransactions,
    listRejectedItems,
    listFeeds,
    getFeed(channels),
    listFeedTimeline,
    ...feedActionRoutes(channels),
    getCommand(channels),
    listAlerts,
    acknowledgeAlert,
    ...Object.values(channels).flatMap((channel) => channel.routes),
  ];
}
