import type { Route } from '../define-route.js';
import { deleteSageRule } from '../sage-banking/routes/delete-rule.js';
import { getCommand } from './get-command.js';
import { getFeed } from './get-feed.js';
import { getSageOnboarding } from '../sage-banking/routes/get-onboarding.js';
import { getSageReprocess } from '../sage-banking/routes/get-reprocess.js';
import { getSageRule } from '../sage-banking/routes/get-rule.js';
import { listAccountConflicts } from '../rutter/routes/list-account-conflicts.js';
import { listAlerts } from './list-alerts.js';
import { listCustomerTimelineEntries } from './list-customer-timeline.js';
import { listConnections } from './list-connections.js';
import { listFeedBatches } from '../rutter/routes/list-feed-batches.js';
import { listFeedConflicts } from '../rutter/routes/list-feed-conflicts.js';
import { listFeedTimeline } from './list-feed-timeline.js';
import { listFeedTransactions } from '../rutter/routes/list-feed-transactions.js';
import { listFeeds } from './list-feeds.js';
import { listSageBanks } from '../sage-banking/routes/list-banks.js';
import { listSageRestorableRules } from '../sage-banking/routes/list-restorable-rules.js';
import { listSageRules } from '../sage-banking/routes/list-rules.js';
import { patchSageRule } from '../sage-banking/routes/patch-rule.js';
import { postAbandonJob } from '../rutter/routes/post-abandon-job.js';
import { feedActionRoutes } from './post-feed-action.js';
import { postConnection } from '../rutter/routes/post-connection.js';
import { discardFromQuarantine, releaseFromQuarantine } from '../rutter/routes/post-quarantine-decision.js';
import { postResync } from '../rutter/routes/post-resync.js';
import { postSageCaptcha } from '../sage-banking/routes/post-captcha.js';
import { postSageOrganisation } from '../sage-banking/routes/post-organisation.js';
import { postSageReprocess } from '../sage-banking/routes/post-reprocess.js';
import { postSageResolution } from '../sage-banking/routes/post-resolution.js';
import { deleteSageAccount } from '../sage-banking/routes/delete-account.js';
import { getSageAccount } from '../sage-banking/routes/get-account.js';
import { getSageLink } from '../sage-banking/routes/get-link.js';
import { listSageAccounts } from '../sage-banking/routes/list-accounts.js';
import { listSageTransactions } from '../sage-banking/routes/list-transactions.js';
import { postSageAccount } from '../sage-banking/routes/post-account.js';
import { postSageLink } from '../sage-banking/routes/post-link.js';
import { postSageReauth } from '../sage-banking/routes/post-reauth.js';
import { postSageRestoreRules } from '../sage-banking/routes/post-restore-rules.js';
import { postSageRule } from '../sage-banking/routes/post-rule.js';
import { postTransactions } from './post-transactions.js';
import { putAccount } from './put-account.js';
import { putCustomer } from './put-customer.js';
import { putSageRule } from '../sage-banking/routes/put-rule.js';

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
