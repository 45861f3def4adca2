import type { WorkerConfig } from '../../../config.js';
import type { Keyring } from '../../../crypto/keyring.js';
import type { Pool } from '../../../db/pool.js';
import type { Check } from './check.js';

/** What the checks of a channel use; null where a variable is missing or wrong. */
export interface ChannelCheckParts {
  readonly worker: WorkerConfig | null;
  readonly pool: Pool | null;
  readonly keyring: Keyring | null;
}

/** What a channel contributes to `bankfeeds doctor`. */
export interface DoctorChannel {
  createChecks(parts: ChannelCheckParts): Check[];
}
