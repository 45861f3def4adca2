import {
  listConnectionsOfCustomer,
  readListedConnection,
  type ListedConnection,
} from '../../db/listed-connections.js';
import { recordAccountChange } from '../../db/rutter/account-differences.js';
import { requestUnlink } from '../../db/rutter/unlink-connection.js';
import {
  listFeedsClosedWithAccount,
  listFeedsOfChangedAccount,
  listFeedsToWake,
} from '../../db/rutter/feeds.js';
import { rutterCurrencies } from '../../domain/rutter/currencies.js';
import type { RutterFacade } from '../../temporal/rutter/facade.js';
import type { ApiChannel } from '../channel.js';
import type { ConnectionJson } from '../connection-json.js';
import { bindRoutes, type AnyRoute } from '../define-route.js';
import { connectionResultSchema, resyncResultSchema } from './command-json.js';
import type { RutterDeps } from './define-route.js';
import { observeHandoffs } from './handoff-metrics.js';
import { rutterFeedCounts } from './feed-json.js';
import { listAccountConflicts } from './routes/list-account-conflicts.js';
import { listFeedBatches } from './routes/list-feed-batches.js';
import { listFeedConflicts } from './routes/list-feed-conflicts.js';
import { listFeedTransactions } from './routes/list-feed-transactions.js';
import { listHandoffs } from './routes/list-handoffs.js';
import { postAbandonJob } from './routes/post-abandon-job.js';
import { postConnection } from './routes/post-connection.js';
import {
  discardFromQuarantine,
  holdPosting,
  releaseFromQuarantine,
} from './routes/post-quarantine-decision.js';
import { quarantineDecisionRoutes } from './routes/post-quarantine-decisions.js';
import { postResolveBatch } from './routes/post-resolve-batch.js';
import { postResync } from './routes/post-resync.js';
import { rutterWebhook, type VerifyWebhook } from './webhook.js';

const routes: readonly AnyRoute<RutterDeps>[] = [
  postConnection,
  listHandoffs,
  listAccountConflicts,
  listFeedBatches,
  listFeedTransactions,
  listFeedConflicts,
  postResync,
  postAbandonJob,
  postResolveBatch,
  holdPosting,
  releaseFromQuarantine,
  discardFromQuarantine,
  ...quarantineDecisionRoutes,
];

export interface RutterApiInput {
  readonly facade: RutterFacade;
  readonly verifyWebhook: VerifyWebhook;
}

/** The `rutter` channel in the machine API. It is configured in every installation. */
export function createRutterApi({ facade, verifyWebhook }: RutterApiInput): ApiChannel {
  return {
    id: 'rutter',
    notConfigured: null,
    routes: bindRoutes(routes, { rutter: facade }),
    webhook: rutterWebhook({ facade, verifyWebhook }),
    commandResults: [connectionResultSchema, resyncResultSchema],
    feedCounts: rutterFeedCounts,
    observe: observeHandoffs,
    publishing: {
      provider: 'Rutter',
      currencies: rutterCurrencies,
      recordChange: ({ pool, keyring }, { accountId }) => recordAccountChange(pool, { keyring, accountId }),
    },
    listConnections: async (pool, customer) =>
      (await listConnectionsOfCustomer(pool, customer)).map(connectionJson),
    readConnection: async (pool, connection) => {
      const row = await readListedConnection(pool, connection);
      return row === null ? null : connectionJson(row);
    },
    unlinkConnection: async (deps, connection) => {
      const feedIds = await requestUnlink(deps.pool, connection);
      // Also for a repeat: the first call may have died before its signals.
      for (const feedId of feedIds ?? []) await facade.feedFactsChanged({ feedId });
      await facade.wakeConnection(connection);
    },
    requestFeedAction: (_deps, request) => facade.requestOfFeed(request),
    accountChanged: async (pool, account) => {
      for (const feedId of await listFeedsOfChangedAccount(pool, account)) {
        await facade.feedFactsChanged({ feedId });
      }
    },
    wakeFeedsOf: async (pool, account) => {
      for (const feedId of await listFeedsToWake(pool, account)) await facade.wakeFeed({ feedId });
      // Not the signal of open feeds: a run that is just ending must check once more.
      for (const feedId of await listFeedsClosedWithAccount(pool, account)) {
        await facade.feedFactsChanged({ feedId });
      }
    },
  };
}

function connectionJson(row: ListedConnection): ConnectionJson {
  return {
    connection_id: row.connectionId,
    customer_id: row.customerId,
    company_id: null,
    channel: 'rutter',
    platform: row.platform,
    name: row.name,
    status: statusOf(row),
    provider_status: row.providerStatus,
    status_reason: row.statusReason,
    link_url: row.linkUrl,
    linked_feeds: row.linkedFeeds,
    unlink_requested_at: row.unlinkRequestedAt,
    unlinked_at: row.unlinkedAt,
    open_batch_feed_id: row.openBatchFeedId,
    created_at: row.createdAt,
  };
}

function statusOf(row: ListedConnection): ConnectionJson['status'] {
  if (row.unlinkedAt !== null) return 'unlinked';
  return row.unlinkRequestedAt === null ? row.status : 'unlinking';
}
