import type { Keyring } from '../crypto/keyring.js';
import type { PasswordHasher } from '../crypto/password.js';
import type { Pool } from '../db/pool.js';
import type { Availability } from '../domain/availability.js';
import type { Degraded } from '../domain/degraded.js';
import type { SignCheck } from '../domain/transaction-type.js';
import type { Logger, LogState } from '../logger.js';
import type { WorkflowFacade } from '../temporal/facade.js';
import type { Metrics } from './metrics.js';
import type { BackgroundSignals } from './background-signals.js';

/** The settings of the machine API: a part of the process's configuration, under the same names. */
export interface ApiSettings {
  readonly CORE_API_TOKEN: string;
  readonly OPS_API_TOKEN: string;
  /** Addresses or networks whose `X-Forwarded-*` headers are trusted. */
  readonly TRUSTED_PROXIES: readonly string[];
  /** What becomes of a posting whose sign contradicts its type. */
  readonly SIGN_CHECK: SignCheck;
  /** Of accounts without a zone of their own or their customer's. */
  readonly BANK_TIME_ZONE?: string | undefined;
}

/** The dependencies of every route. A channel adds its own with `bindRoutes`. Nothing connects on import. */
export interface ApiDeps {
  readonly pool: Pool;
  readonly facade: WorkflowFacade;
  readonly config: ApiSettings;
  readonly logger: Logger;
  /** What becomes of the log lines of this process. */
  readonly readLogState: () => LogState;
  /** The parts that this process calls. */
  readonly availability: readonly Availability[];
  /** What is degraded in the service, besides this process. */
  readonly readDegraded: () => readonly Degraded[];
  readonly keyring: Keyring;
  readonly hasher: PasswordHasher;
  readonly metrics: Metrics;
  /** Wakes the feeds of an account, by account id. */
  readonly accountSignals: BackgroundSignals;
  /** The current time in epoch ms: dates of postings are validated against it. */
  readonly nowMs: () => number;
}
