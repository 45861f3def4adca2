import type { Route } from '../define-route.js';
import { deleteSageRule } from './delete-sage-rule.js';
import { getCommand } from './get-command.js';
import { getFeed } from './get-feed.js';
import { getSageOnboarding } from './get-sage-onboarding.js';
import { getSageReprocess } from './get-sage-reprocess.js';
import { getSageRule } from './get-sage-rule.js';
import { listAccountConflicts } from './list-account-conflicts.js';
import { listAlerts } from './list-alerts.js';
import { listCustomerTimelineEntries } from './list-customer-timeline.js';
import { listConnections } from './list-connections.js';
import { listFeedBatches } from './list-feed-batches.js';
import { listFeedConflicts } from './list-feed-conflicts.js';
import { listFeedTimeline } from './list-feed-timeline.js';
import { listFeedTransactions } from './list-feed-transactions.js';
import { listFeeds } from './list-feeds.js';
import { listSageBanks } from './list-sage-banks.js';
import { listSageRestorableRules } from './list-sage-restorable-rules.js';
import { listSageRules } from './list-sage-rules.js';
import { patchSageRule } from './patch-sage-rule.js';
import { postAbandonJob } from './post-abandon-job.js';
import { feedActionRoutes } from './post-feed-action.js';
import { postConnection } from './post-connection.js';
import { discardFromQuarantine, releaseFromQuarantine } from './post-quarantine-decision.js';
import { postResync } from './post-resync.js';
import { postSageCaptcha } from './post-sage-captcha.js';
import { postSageOrganisation } from './post-sage-organisation.js';
import { postSageReprocess } from './post-sage-reprocess.js';
import { postSageResolution } from './post-sage-resolution.js';
import { deleteSageAccount } from './delete-sage-account.js';
import { getSageAccount } from './get-sage-account.js';
import { getSageLink } from './get-sage-link.js';
import { listSageAccounts } from './list-sage-accounts.js';
import { listSageTransactions } from './list-sage-transactions.js';
import { postSageAccount } from './post-sage-account.js';
import { postSageLink } from './post-sage-link.js';
import { postSageReauth } from './post-sage-reauth.js';
import { postSageRestoreRules } from './post-sage-restore-rules.js';
import { postSageRule } from './post-sage-rule.js';
import { postTransactions } from './post-transactions.js';
import { putAccount } from './put-account.js';
import { putCustomer } from './put-customer.js';
import { putSageRule } from './put-sage-rule.js';

/** The machine API: what the app serves and the reference describes, from the same definitions. */
export const routes: readonly Route[] = [
  putCustomer,
  putAccount,
  postConnection,
  listConnections,
  listCustomerTimelineEntries,
  postTransactions,
  listAccountConflicts,
  listFeeds,
  getFeed,
  listFeedTimeline,
  listFeedBatches,
  listFeedTransactions,
  listFeedConflicts,
  ...feedActionRoutes,
  postResync,
  postAbandonJob,
  releaseFromQuarantine,
  discardFromQuarantine,
  postSageReprocess,
  getSageReprocess,
  listSageBanks,
  listSageRules,
  postSageRule,
  getSageRule,
  putSageRule,
  patchSageRule,
  deleteSageRule,
  listSageRestorableRules,
  postSageRestoreRules,
  getCommand,
  listAlerts,
  postSageLink,
  getSageLink,
  listSageAccounts,
  postSageAccount,
  getSageAccount,
  listSageTransactions,
  postSageReauth,
  deleteSageAccount,
  postSageOrganisation,
  getSageOnboarding,
  postSageCaptcha,
  postSageResolution,
];
