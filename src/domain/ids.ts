/**
 * Names that tie a row to its workflow. Workflow ids are always plain text in Temporal, so they are built
 * from internal ids and hashes only, and only here.
 */

/** Temporal task queues. A process may serve one or several; the names are part of the deployment. */
export const taskQueues = {
  workflows: 'workflows',
  interactive: 'interactive',
  deliver: 'deliver',
} as const;

/** One open workflow per feed: the server guarantees it through this id. */
export function bankFeedWorkflowId(feedId: string): string {
  return `bank-feed/${feedId}`;
}

/** `handoffId` is the hex SHA-256 of the challenge, never the challenge. */
export function loginHandoffWorkflowId(handoffId: string): string {
  return `login-handoff/${handoffId}`;
}

/** `connectionId` is ours, not Rutter's. */
export function connectionWorkflowId(connectionId: string): string {
  return `connection/${connectionId}`;
}

export function providerCommandWorkflowId(commandId: string): string {
  return `command/${commandId}`;
}

export function sageOnboardingWorkflowId(onboardingId: string): string {
  return `sage-onboarding/${onboardingId}`;
}

export function sageBankLinkWorkflowId(linkId: string): string {
  return `sage-link/${linkId}`;
}

/** One open workflow per account at Sage. */
export function sageBankAccountWorkflowId(sageAccountId: string): string {
  return `sage-account/${sageAccountId}`;
}

export function sageReprocessWorkflowId(reprocessId: string): string {
  return `sage-reprocess/${reprocessId}`;
}

/** The Schedule of the repair job; its runs are named after it, with the time of their firing. */
export const fleetRepairScheduleId = 'fleet-repair';

/**
 * A paused Schedule that never runs. Its note holds the database's mark, in plain text: what a backup of Temporal knows
 * of the database.
 */
export const databaseMarkScheduleId = 'database-mark';
