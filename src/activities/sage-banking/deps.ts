import type { SageBankingClient } from '../../clients/sage-banking/client.js';
import type { ReportedStatus } from '../../domain/feed-status.js';
import type { SageOrganisationRoute } from '../../domain/sage-banking/onboarding.js';
import type { SharedDeps } from '../deps.js';

/**
 * The calls to Temporal that activities of this channel make: they start and wake workflows and find missing ones.
 * Implemented by `src/temporal/sage-banking/facade.ts`. All calls are safe to repeat and throw when the server does not
 * answer.
 */
export interface SageBankingWorkflows {
  startOnboarding(input: { onboardingId: string }): Promise<void>;
  onboardingChanged(input: { onboardingId: string }): Promise<void>;
  startLink(input: { linkId: string }): Promise<void>;
  /** Shows the status in the running workflow of the account; without one it does nothing. */
  accountStatusReported(input: { sageAccountId: string; status: ReportedStatus }): Promise<void>;
  wakeAccount(input: { sageAccountId: string }): Promise<void>;
  startReprocess(input: { reprocessId: string }): Promise<void>;
  /** Of the given ids, in ascending order, those whose workflow does not run. */
  missingAccounts(input: { sageAccountIds: readonly string[] }): Promise<string[]>;
}

/** The dependencies that exist only where the channel is configured. */
export interface SageBankingParts {
  readonly client: SageBankingClient;
  readonly workflows: SageBankingWorkflows;
  readonly settings: {
    readonly statusPollMinMs: number;
    readonly statusPollMaxMs: number;
    /** How long after the first request the accounts of a consent are complete. */
    readonly candidatesRefreshMs: number;
    /** The maximum of organisations per customer in this environment, by Sage's contract; null: no limit, or unknown. */
    readonly organisationLimit: number | null;
    /** How organisations of cloud products are created. */
    readonly organisationRoute: SageOrganisationRoute;
  };
}

/** The dependencies of this channel's activities. */
export interface SageBankingDeps extends SharedDeps {
  /** Null where the channel is not configured (no `SAGE_BANKING_URL`). */
  readonly sage: SageBankingParts | null;
}
