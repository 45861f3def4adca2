import type { ConnectionFact } from '../feed.js';

/**
 * How a handoff gets a connection: `api` creates one, which is usable at once; with `link` the customer first connects
 * Sage in Rutter Link.
 */
export type ConnectionMode = 'api' | 'link';

/**
 * Rutter Link of a connection: `not_needed` when it was created without, `awaited` until the customer has finished it,
 * then `done`; also `done` for a connection that was adopted or came with a token of Link.
 */
export type LinkState = 'not_needed' | 'awaited' | 'done';

/** Rutter's term for a connection's state (contract 5.3), as `GET /connections?status=` names them. */
export type ProviderConnectionStatus = 'not_ready' | 'active' | 'unhealthy' | 'needs_reauth' | 'disabled';

export interface ConnectionFacts {
  readonly status: ConnectionFact;
  readonly providerStatus: ProviderConnectionStatus;
  /** Rutter's code for why it is disabled, when it says. */
  readonly reason: string | null;
}

/**
 * Our fact and Rutter's status from an answer of `GET /connections/status` (contract 5.2, 5.3). Unhealthy is only a
 * transient failure of Rutter's own reads: calls work.
 */
export function connectionFacts(answer: {
  readonly isReady: boolean;
  readonly isHealthy: boolean;
  readonly needsUpdate: boolean;
  readonly disabled: boolean;
  readonly disabledReason: string | null;
}): ConnectionFacts {
  // Rutter also disables with the reason NEEDS_REAUTH: the customer resolves it as for needs_update.
  if (answer.disabled && answer.disabledReason !== 'NEEDS_REAUTH') {
    return { status: 'refused', providerStatus: 'disabled', reason: answer.disabledReason };
  }
  if (answer.needsUpdate || answer.disabled) {
    return { status: 'refused', providerStatus: 'needs_reauth', reason: null };
  }
  if (!answer.isReady) return { status: 'ok', providerStatus: 'not_ready', reason: null };
  return { status: 'ok', providerStatus: answer.isHealthy ? 'active' : 'unhealthy', reason: null };
}
