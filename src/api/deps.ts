import type { Keyring } from '../crypto/keyring.js';
import type { PasswordHasher } from '../crypto/password.js';
import type { Pool } from '../db/pool.js';
import type { Logger } from '../logger.js';
import type { WorkflowFacade } from '../temporal/facade.js';
import type { SageFacade } from '../temporal/sage-banking/facade.js';
import type { Metrics } from './metrics.js';
import type { BackgroundSignals } from './background-signals.js';

/** What the machine API may be told: a part of the process's configuration, under the same names. */
export interface ApiSettings {
  readonly CORE_API_TOKEN: string;
  readonly OPS_API_TOKEN: string;
  /** Addresses or networks whose `X-Forwarded-*` is believed. */
  readonly TRUSTED_PROXIES: readonly string[];
}

/** Says whether a webhook's raw body was signed by the provider; a header sent twice comes as a list. */
export type VerifyWebhook = (input: {
  rawBody: Uint8Array;
  header: string | readonly string[] | undefined;
}) => boolean;

/** All that the routes work with; nothing connects on import. */
export interface ApiDeps {
  readonly pool: Pool;
  readonly facade: WorkflowFacade;
  /** Null where the channel of Sage's Banking Service is closed. */
  readonly sage: SageFacade | null;
  readonly config: ApiSettings;
  readonly logger: Logger;
  readonly keyring: Keyring;
  readonly hasher: PasswordHasher;
  readonly verifyWebhook: VerifyWebhook;
  readonly metrics: Metrics;
  /** Wakes the feeds of an account, by account id. */
  readonly accountSignals: BackgroundSignals;
  /** Wakes connections, by our connection id. */
  readonly connectionSignals: BackgroundSignals;
  /** Epoch ms: the time against which dates of postings are validated. */
  readonly nowMs: () => number;
}
