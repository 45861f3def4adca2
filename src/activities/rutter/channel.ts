import { rutterCommandKinds } from '../../db/rutter/commands.js';
import type { ActivityChannel, AfterRestoreCounts, AfterRestoreInput } from '../channel.js';
import { failCommandOf } from '../command-failure.js';
import { adoptLostConnections } from './after-restore/adopt-lost-connections.js';
import { recoverDecisions } from './after-restore/lost-decisions.js';
import { temporalRestartConnections } from './connection/restart-connections.js';
import { rutterReadConnection } from './connection/read-connection.js';
import { dbApplyFeedRequest } from './delivery/apply-feed-request.js';
import { temporalRestartFeeds } from './delivery/restart-feeds.js';
import { rutterRunDelivery } from './delivery/run-delivery.js';
import { temporalWakeFeeds } from './delivery/wake-feeds.js';
import type { RutterDeps } from './deps.js';
import { rutterCreateOtp } from './handoff/create-otp.js';
import { rutterEnsureHandoffConnection } from './handoff/ensure-handoff-connection.js';
import { endUnusedLinks } from './handoff/end-unused-links.js';
import { dbExpireHandoff } from './handoff/expire-handoff.js';
import { dbReadHandoff } from './handoff/read-handoff.js';
import { dbRecordHandoffLogin } from './handoff/record-handoff-login.js';
import { dbRefuseHandoff } from './handoff/refuse-handoff.js';
import { temporalRestartHandoffs } from './handoff/restart-handoffs.js';
import { rutterPublishAccounts } from './publishing/publish-accounts.js';
import { probeRejectedCredentials } from './rejected-credentials.js';
import { runRutterCommand } from './run-command.js';

const providerName = 'Rutter';

function createActivities(deps: RutterDeps) {
  return {
    dbApplyFeedRequest: dbApplyFeedRequest(deps),
    dbExpireHandoff: dbExpireHandoff(deps),
    dbReadHandoff: dbReadHandoff(deps),
    dbRecordHandoffLogin: dbRecordHandoffLogin(deps),
    dbRefuseHandoff: dbRefuseHandoff(deps),
    rutterCreateOtp: rutterCreateOtp(deps),
    rutterEnsureHandoffConnection: rutterEnsureHandoffConnection(deps),
    rutterPublishAccounts: rutterPublishAccounts(deps),
    rutterReadConnection: rutterReadConnection(deps),
    rutterRunDelivery: rutterRunDelivery(deps),
  };
}

function createRepairActivities(deps: RutterDeps) {
  return {
    temporalRestartConnections: temporalRestartConnections(deps),
    temporalRestartFeeds: temporalRestartFeeds(deps),
    temporalRestartHandoffs: temporalRestartHandoffs(deps),
    temporalWakeFeeds: temporalWakeFeeds(deps),
  };
}

/** Decisions first: nothing is sent that an operator may have stopped in the lost time. */
async function repairAfterRestore(deps: RutterDeps, input: AfterRestoreInput): Promise<AfterRestoreCounts> {
  const decisions = await recoverDecisions(deps, input);
  const adopted = await adoptLostConnections(deps, input);
  return {
    decisions,
    adoptedConnections: adopted.connections,
    adoptedFeeds: adopted.feeds,
    unreadableConnections: adopted.unreadable,
  };
}

/** What the `rutter` channel contributes to the activities. It is always configured. */
export const rutterChannel = {
  id: 'rutter' as const,
  isConfigured: () => true,
  commandKinds: rutterCommandKinds,
  createActivities,
  createRepairActivities,
  runCommand: runRutterCommand,
  failCommand: (deps) => failCommandOf(deps, providerName),
  beforeAlertReview: async (deps) => {
    await probeRejectedCredentials(deps);
    await endUnusedLinks(deps);
  },
  repairAfterRestore,
} satisfies ActivityChannel<RutterDeps>;

/** Every activity of the channel, by wire name. */
export type RutterActivities = ReturnType<typeof createActivities> &
  ReturnType<typeof createRepairActivities>;

/** Wire names of what the repair job runs for the channel. */
export type RutterRepairActivity = keyof ReturnType<typeof createRepairActivities>;
