/** The registry of workflow types: the names are stored in histories and never change. */
export { bankFeedWorkflow } from './bank-feed/workflow.js';
export { connectionWorkflow } from './connection/workflow.js';
export { fleetSweepWorkflow } from './fleet-sweep/workflow.js';
export { loginHandoffWorkflow } from './login-handoff/workflow.js';
export { providerCommandWorkflow } from './provider-command/workflow.js';
export { sageReprocessWorkflow } from './sage-reprocess/workflow.js';
export { sageOnboardingWorkflow } from './sage-onboarding/workflow.js';
export { sageAccountLinkWorkflow } from './sage-link/workflow.js';
export { sageBankAccountWorkflow } from './sage-account/workflow.js';
