import { sageCommandKinds } from '../../db/sage-banking/command-types.js';
import type { ActivityChannel } from '../channel.js';
import { failCommandOf } from '../command-failure.js';
import { sageCancelAccount } from './account/cancel-account.js';
import { sageReadAccount } from './account/read-account.js';
import { sageBeginBankLink } from './bank-link/begin-bank-link.js';
import { sageCreateAccount } from './bank-link/create-account.js';
import { dbEndBankLink } from './bank-link/end-bank-link.js';
import { sagePollBankLink } from './bank-link/poll-bank-link.js';
import type { SageBankingDeps } from './deps.js';
import { sageAdvanceOnboarding } from './onboarding/advance-onboarding.js';
import { dbRecordOnboardingFailure } from './onboarding/record-onboarding-failure.js';
import { dbFailReprocess } from './reprocess/fail-reprocess.js';
import { sagePollReprocessChunk } from './reprocess/poll-reprocess-chunk.js';
import { sageStartReprocessChunk } from './reprocess/start-reprocess-chunk.js';
import { temporalRestartSageWorkflows } from './restart-workflows.js';
import { endUnfinishedRestore } from './rules/end-restore.js';
import { runSageCommand } from './run-command.js';

const providerName = 'Sage';

function createActivities(deps: SageBankingDeps) {
  return {
    dbEndBankLink: dbEndBankLink(deps),
    dbFailReprocess: dbFailReprocess(deps),
    dbRecordOnboardingFailure: dbRecordOnboardingFailure(deps),
    sageAdvanceOnboarding: sageAdvanceOnboarding(deps),
    sageBeginBankLink: sageBeginBankLink(deps),
    sageCancelAccount: sageCancelAccount(deps),
    sageCreateAccount: sageCreateAccount(deps),
    sagePollBankLink: sagePollBankLink(deps),
    sagePollReprocessChunk: sagePollReprocessChunk(deps),
    sageReadAccount: sageReadAccount(deps),
    sageStartReprocessChunk: sageStartReprocessChunk(deps),
  };
}

function createRepairActivities(deps: SageBankingDeps) {
  return { temporalRestartSageWorkflows: temporalRestartSageWorkflows(deps) };
}

/** What the `sage-banking` channel contributes to the activities. It is configured by `SAGE_BANKING_URL`. */
export const sageBankingChannel = {
  id: 'sage-banking' as const,
  isConfigured: (deps) => deps.sage !== null,
  commandKinds: sageCommandKinds,
  createActivities,
  createRepairActivities,
  runCommand: runSageCommand,
  failCommand: (deps) => async (input) => {
    // A restore that has restored some rules ends with these as its result.
    const state = await endUnfinishedRestore(deps, input);
    return state === null ? await failCommandOf(deps, providerName)(input) : { state };
  },
} satisfies ActivityChannel<SageBankingDeps>;

/** Every activity of the channel, by wire name. */
export type SageBankingActivities = ReturnType<typeof createActivities> &
  ReturnType<typeof createRepairActivities>;

/** Wire names of the activities that the repair job runs for the channel. */
export type SageBankingRepairActivity = keyof ReturnType<typeof createRepairActivities>;
