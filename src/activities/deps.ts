import type { RutterClient } from '../clients/rutter/client.js';
import type { SageBankingClient } from '../clients/sage-banking/client.js';
import type { Keyring } from '../crypto/keyring.js';
import type { Pool } from '../db/pool.js';
import type { SageFacade } from '../temporal/sage-banking/facade.js';

/**
 * What activities need of Temporal: to wake other workflows, and to know which of them are gone. The facade of
 * `src/temporal/facade.ts` is one. All calls are safe to repeat and throw when the server does not answer.
 */
export interface WorkflowWaker {
  wakeFeed(input: { feedId: string }): Promise<void>;
  feedFactsChanged(input: { feedId: string }): Promise<void>;
  wakeConnection(input: { connectionId: string }): Promise<void>;
  /** Of the given ids, in ascending order, those whose workflow does not run. */
  missingFeeds(input: { feedIds: readonly string[] }): Promise<string[]>;
  missingConnections(input: { connectionIds: readonly string[] }): Promise<string[]>;
}

/** What activities of Sage's channel work with. */
export interface SageBankingChannel {
  readonly client: SageBankingClient;
  /** The same way to the workflows as API and pages have. */
  readonly workflows: SageFacade;
  readonly settings: {
    readonly statusPollMinMs: number;
    readonly statusPollMaxMs: number;
    /** The most organisations of a customer in this environment, by Sage's contract; null: no limit, or not known. */
    readonly organisationLimit: number | null;
  };
}

/** What activities may be told, from the worker's configuration. */
export interface ActivitySettings {
  /** Platform of the connections that we create at Rutter. */
  readonly rutterPlatform: string;
  /** Exact origins that a handoff's redirect may have. */
  readonly redirectOrigins: readonly string[];
  /** Counted from the browser's first arrival: later than this no one-time password is asked for. */
  readonly handoffOtpLatestMs: number;
  readonly feedSyncIntervalMs: number;
  readonly feedActivationPollMinMs: number;
  readonly feedActivationPollMaxMs: number;
}

/** All that an activity works with; nothing connects on import. */
export interface ActivityDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly rutter: RutterClient;
  readonly workflows: WorkflowWaker;
  /** Null where the service is run for the `rutter` channel alone. */
  readonly sage: SageBankingChannel | null;
  readonly settings: ActivitySettings;
  /** Waits between two checks Rutter; throws when aborted. A port, so that simulated fixtures let time pass at once. */
  readonly wait: (waitMs: number, signal: AbortSignal) => Promise<void>;
  /** Aborted when the worker is asked to stop: a delivery run ends after the batch it is at instead of cutting another. */
  readonly stopping: AbortSignal;
}
