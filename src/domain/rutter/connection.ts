import type { ConnectionFact } from '../feed.js';
import type { LinkState } from '../link-state.js';

/**
 * How a handoff gets a connection: `api` creates one, which is usable at once; with `link` the customer first connects
 * Sage in Rutter Link.
 */
export type ConnectionMode = 'api' | 'link';

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

/** The value of `RUTTER_PLATFORM` and of `platform` that leaves the choice to the customer in Rutter Link. */
export const anyPlatform = 'any';

/** How a connection is created at Rutter, and what is stored of it. */
export interface ConnectionPlan {
  /** In the body of the creation; null: an empty body, so the platform is that which the customer picks in Link. */
  readonly createPlatform: string | null;
  /** Kept in the row until Rutter names the real one. */
  readonly platform: string;
  readonly linkState: Extract<LinkState, 'not_needed' | 'awaited'>;
}

/** With mode `link` the platform only preselects in Link; so does nothing at all with `any` (contract 5.1, 5.2). */
export function planConnection(input: { mode: ConnectionMode; platform: string }): ConnectionPlan {
  const { mode, platform } = input;
  const throughLink = mode === 'link' || platform === anyPlatform;
  return {
    createPlatform: throughLink ? null : platform,
    platform,
    linkState: throughLink ? 'awaited' : 'not_needed',
  };
}

/** Rutter Link's address with the platform preselected, which the customer may still change (contract 5.2). */
export function linkAddress(linkUrl: string | null, plan: ConnectionPlan): string | null {
  if (linkUrl === null || plan.linkState !== 'awaited' || plan.platform === anyPlatform) return linkUrl;
  if (!URL.canParse(linkUrl)) return linkUrl;
  const url = new URL(linkUrl);
  url.searchParams.set('platform', plan.platform);
  return url.href;
}
