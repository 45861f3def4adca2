import { workflowChannels } from './channels.js';
import { createFleetRepairWorkflow } from './fleet-repair/workflow.js';

/**
 * The registry of workflow types: the exported names are the wire names. They are stored in histories and never change.
 * Both channels are named statically, since the bundle is built from this file.
 */
export { providerCommandWorkflow } from './provider-command/workflow.js';
export { bankFeedWorkflow } from './rutter/bank-feed/workflow.js';
export { connectionWorkflow } from './rutter/connection/workflow.js';
export { loginHandoffWorkflow } from './rutter/login-handoff/workflow.js';
export { sageBankAccountWorkflow } from './sage-banking/bank-account/workflow.js';
export { sageBankLinkWorkflow } from './sage-banking/bank-link/workflow.js';
export { sageOnboardingWorkflow } from './sage-banking/onboarding/workflow.js';
export { sageReprocessWorkflow } from './sage-banking/reprocess/workflow.js';

export const fleetRepairWorkflow = createFleetRepairWorkflow(workflowChannels);
