import type { ApiConfig } from '../config.js';
import type { Keyring } from '../crypto/keyring.js';
import type { PasswordHasher } from '../crypto/password.js';
import type { Pool } from '../db/pool.js';
import type { Logger } from '../logger.js';
import type { WorkflowFacade } from '../temporal/facade.js';
import type { SageFacade } from '../temporal/sage-banking/facade.js';

/** What the pages may be told. */
export type PagesConfig = Pick<
  ApiConfig,
  | 'publicUrl'
  | 'RUTTER_REDIRECT_ORIGINS'
  | 'SAGE_BANKING_URL'
  | 'SAGE_FRAME_ANCESTORS'
  | 'TEMPORAL_UI_URL'
  | 'OPS_API_TOKEN'
>;

/** All that the pages work with; nothing connects on import. */
export interface PagesDeps {
  readonly pool: Pool;
  readonly facade: WorkflowFacade;
  /** Null where the channel of Sage's Banking Service is closed. */
  readonly sage: SageFacade | null;
  readonly config: PagesConfig;
  readonly logger: Logger;
  readonly keyring: Keyring;
  readonly hasher: PasswordHasher;
}
