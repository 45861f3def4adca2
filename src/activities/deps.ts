import type { Keyring } from '../crypto/keyring.js';
import type { Pool } from '../db/pool.js';

/** Settings that activities of every channel use, from the worker's configuration. */
export interface SharedSettings {
  /** The longest time that a live feed goes without a sync. */
  readonly feedSyncIntervalMs: number;
  /** IANA name; the zone of accounts without one of their own or their customer's. Null: none is configured. */
  readonly bankTimeZone: string | null;
}

/** The calls to Temporal that shared activities make. Implemented by `src/temporal/facade.ts`. */
export interface SharedWorkflows {
  /** Of the given ids, in ascending order, those whose workflow does not run. */
  missingCommands(input: { commandIds: readonly string[] }): Promise<string[]>;
}

/** A workflow as a list shows it. */
export interface ListedWorkflow {
  readonly workflowId: string;
  readonly runId: string;
  /** What it last showed, by its search attributes; null where it shows none. */
  readonly feedState: string | null;
  readonly customerId: string | null;
}

/** What is asked of Temporal after a restore of the database. Implemented by `src/temporal/restore-calls.ts`. */
export interface RestoreWorkflows {
  /** Pages of the running workflows of a type. */
  listRunning(input: { type: string }): AsyncIterable<readonly ListedWorkflow[]>;
  /** Pages of workflows of a type that ended as closed since then (ISO). */
  listClosedSince(input: { type: string; since: string }): AsyncIterable<readonly ListedWorkflow[]>;
  /** What the workflow of this id shows now: exact, where a list lags behind. Null when it does not run. */
  readRunning(input: { workflowId: string }): Promise<ListedWorkflow | null>;
  /** Ends a run; harmless when it has ended. */
  endWorkflow(input: { workflowId: string; runId: string; reason: string }): Promise<void>;
}

/**
 * What shared activities work with; nothing connects on import. Each channel adds its own parts
 * (`rutter/deps.ts`, `sage-banking/deps.ts`).
 */
export interface SharedDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly settings: SharedSettings;
  readonly workflows: SharedWorkflows;
  /** Waits between two requests; throws when aborted. An argument, so that simulations can skip the time. */
  readonly wait: (waitMs: number, signal: AbortSignal) => Promise<void>;
  /** Aborted when the worker is asked to stop: a delivery run then ends after its current batch. */
  readonly stopping: AbortSignal;
}
