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
