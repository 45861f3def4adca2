import type { ApiConfig } from '../config.js';
import type { Keyring } from '../crypto/keyring.js';
import type { PasswordHasher } from '../crypto/password.js';
import type { Pool } from '../db/pool.js';
import type { Logger } from '../logger.js';
import type { WorkflowFacade } from '../temporal/facade.js';

/** The settings of the pages: a part of the process's configuration, under the same names. */
export type PagesConfig = Pick<
  ApiConfig,
  | 'publicUrl'
  | 'RUTTER_REDIRECT_ORIGINS'
  | 'SAGE_BANKING_URL'
  | 'SAGE_FRAME_ANCESTORS'
  | 'TEMPORAL_UI_URL'
  | 'OPS_API_TOKEN'
> &
  Partial<Pick<ApiConfig, 'BANK_TIME_ZONE' | 'RUTTER_CONNECTION_MODE'>>;

/** The dependencies of all pages; each channel adds its own. Nothing connects on import. */
export interface PagesDeps {
  readonly pool: Pool;
  readonly facade: WorkflowFacade;
  readonly config: PagesConfig;
  readonly logger: Logger;
  readonly keyring: Keyring;
  readonly hasher: PasswordHasher;
  /** Now by the database's clock, epoch ms: one for all processes that serve a browser. */
  readonly nowMs: () => number;
}
