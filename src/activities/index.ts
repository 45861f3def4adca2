import { dbApplyFeedRequest } from './db-apply-feed-request.js';
import { dbEndSageLink } from './sage-link/db-end-sage-link.js';
import { dbExpireHandoff } from './db-expire-handoff.js';
import { dbFailCommand } from './db-fail-command.js';
import { dbReadHandoff } from './db-read-handoff.js';
import { dbRecordHandoffLogin } from './db-record-handoff-login.js';
import { dbRefuseHandoff } from './db-refuse-handoff.js';
import { dbReviewAlerts } from './db-review-alerts.js';
import type { ActivityDeps } from './deps.js';
import { dbNoteOnboardingFailure } from './sage-onboarding/db-note-onboarding-failure.js';
import { rutterCreateOtp } from './rutter-create-otp.js';
import { rutterDeliverSlice } from './rutter-deliver-slice.js';
import { rutterEnsureHandoffConnection } from './rutter-ensure-handoff-connection.js';
import { rutterPublishAccounts } from './rutter-publish-accounts.js';
import { rutterReadConnection } from './rutter-read-connection.js';
import { rutterRunCommand } from './rutter-run-command.js';
import { sageAdvanceOnboarding } from './sage-advance-onboarding.js';
import { sageRunCommand } from './sage-run-command.js';
import { dbFailSageReprocess } from './sage-reprocess/db-fail-sage-reprocess.js';
import { sagePollReprocessChunk } from './sage-reprocess/sage-poll-reprocess-chunk.js';
import { sageStartReprocessChunk } from './sage-reprocess/sage-start-reprocess-chunk.js';
import { sageBeginLink } from './sage-link/sage-begin-link.js';
import { sageCancelAccount } from './sage-account/sage-cancel-account.js';
import { sageCreateAccount } from './sage-link/sage-create-account.js';
import { sagePollLink } from './sage-link/sage-poll-link.js';
import { sageReadAccount } from './sage-account/sage-read-account.js';
import { temporalNudgeConnections } from './temporal-nudge-connections.js';
import { temporalRestartFeeds } from './temporal-restart-feeds.js';
import { temporalRestartSage } from './temporal-restart-sage.js';
import { temporalWakeFeeds } from './temporal-wake-feeds.js';

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
    rutterDeliverSlice: rutterDeliverSlice(deps),
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
    temporalNudgeConnections: temporalNudgeConnections(deps),
    temporalRestartFeeds: temporalRestartFeeds(deps),
    temporalRestartSage: temporalRestartSage(deps),
    temporalWakeFeeds: temporalWakeFeeds(deps),
  };
}

/** What workflows see of the activities: types only. */
export type Activities = ReturnType<typeof createActivities>;
