/** The registry of workflow types: the names are stored in histories and never change. */
export { bankFeedWorkflow } from './bank-feed/workflow.js';
export { connectionWorkflow } from './connection/workflow.js';
