/** The registry of workflow types: the names are stored in histories and never change. */
export { bankFeedWorkflow } from './rutter/bank-feed/workflow.js';
export { connectionWorkflow } from './rutter/connection/workflow.js';
export { fleetRepairWorkflow } from './fleet-repair/workflow.js';
export { loginHandoffWorkflow } from './rutter/login-handoff/workflow.js';
export { providerCommandWorkflow } from './provider-command/workflow.js';
export { sageReprocessWorkflow } from './sage-banking/reprocess/workflow.js';
export { sageOnboardingWorkflow } from './sage-banking/onboarding/workflow.js';
export { sageBankLinkWorkflow } from './sage-banking/bank-link/workflow.js';
export { sageBankAccountWorkflow } from './sage-banking/bank-account/workflow.js';
