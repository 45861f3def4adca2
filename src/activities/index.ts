import { dbApplyFeedRequest } from './rutter/delivery/apply-feed-request.js';
import { dbEndSageLink } from './sage-banking/bank-link/end-bank-link.js';
import { dbExpireHandoff } from './rutter/handoff/expire-handoff.js';
import { dbFailCommand } from './fail-command.js';
import { dbReadHandoff } from './rutter/handoff/read-handoff.js';
import { dbRecordHandoffLogin } from './rutter/handoff/record-handoff-login.js';
import { dbRefuseHandoff } from './rutter/handoff/refuse-handoff.js';
import { dbReviewAlerts } from './review-alerts.js';
import type { ActivityDeps } from './deps.js';
import { dbNoteOnboardingFailure } from './sage-banking/onboarding/record-onboarding-failure.js';
import { rutterCreateOtp } from './rutter/handoff/create-otp.js';
import { rutterRunDelivery } from './rutter/delivery/run-delivery.js';
import { rutterEnsureHandoffConnection } from './rutter/handoff/ensure-handoff-connection.js';
import { rutterPublishAccounts } from './rutter/publishing/publish-accounts.js';
import { rutterReadConnection } from './rutter/connection/read-connection.js';
import { rutterRunCommand } from './rutter/run-command.js';
import { sageAdvanceOnboarding } from './sage-banking/onboarding/advance-onboarding.js';
import { sageRunCommand } from './sage-banking/run-command.js';
import { dbFailSageReprocess } from './sage-banking/reprocess/fail-reprocess.js';
import { sagePollReprocessChunk } from './sage-banking/reprocess/poll-reprocess-chunk.js';
import { sageStartReprocessChunk } from './sage-banking/reprocess/start-reprocess-chunk.js';
import { sageBeginLink } from './sage-banking/bank-link/begin-bank-link.js';
import { sageCancelAccount } from './sage-banking/account/cancel-account.js';
import { sageCreateAccount } from './sage-banking/bank-link/create-account.js';
import { sagePollLink } from './sage-banking/bank-link/poll-bank-link.js';
import { sageReadAccount } from './sage-banking/account/read-account.js';
import { temporalWakeConnections } from './rutter/connection/wake-connections.js';
import { temporalRestartFeeds } from './rutter/delivery/restart-feeds.js';
import { sageRestartWorkflows } from './sage-banking/restart-workflows.js';
import { temporalWakeFeeds } from './rutter/delivery/wake-feeds.js';

/** Every activity of the service, by its wire name, with its dependencies bound. */
export function createActivities(deps: ActivityDeps) {
  return {
    dbApplyFeedRequest: dbApplyFeedRequest(deps),
    dbEndSageLink: dbEndSageLink(deps),
    dbExpireHandoff: dbExpireHandoff(deps),
    dbFailCommand: dbFailCommand(deps),
    dbFailSageReprocess: dbFailSageReprocess(deps),
    dbNoteOnboardingFailure: dbNoteOnboardingFailure(deps),
    dbReadHandoff: dbReadHandoff(deps),
    dbRecordHandoffLogin: dbRecordHandoffLogin(deps),
    dbRefuseHandoff: dbRefuseHandoff(deps),
    dbReviewAlerts: dbReviewAlerts(deps),
    rutterCreateOtp: rutterCreateOtp(deps),
    rutterRunDelivery: rutterRunDelivery(deps),
    rutterEnsureHandoffConnection: rutterEnsureHandoffConnection(deps),
    rutterPublishAccounts: rutterPublishAccounts(deps),
    rutterReadConnection: rutterReadConnection(deps),
    rutterRunCommand: rutterRunCommand(deps),
    sageAdvanceOnboarding: sageAdvanceOnboarding(deps),
    sagePollReprocessChunk: sagePollReprocessChunk(deps),
    sageRunCommand: sageRunCommand(deps),
    sageStartReprocessChunk: sageStartReprocessChunk(deps),
    sageBeginLink: sageBeginLink(deps),
    sageCancelAccount: sageCancelAccount(deps),
    sageCreateAccount: sageCreateAccount(deps),
    sagePollLink: sagePollLink(deps),
    sageReadAccount: sageReadAccount(deps),
    temporalWakeConnections: temporalWakeConnections(deps),
    temporalRestartFeeds: temporalRestartFeeds(deps),
    sageRestartWorkflows: sageRestartWorkflows(deps),
    temporalWakeFeeds: temporalWakeFeeds(deps),
  };
}

/** What workflows see of the activities: types only. */
export type Activities = ReturnType<typeof createActivities>;
