import type { HandoffReason, HandoffState, PartialSharing } from './handoff.js';

/** Why the last attempt of a step failed: Rutter did not answer, or limits our requests; or our own service. */
export type HandoffFailureCause = 'provider_unavailable' | 'rate_limited' | 'service_unavailable';

/** How a handoff ended, for counts. */
export type HandoffOutcome = 'completed' | 'superseded' | 'cancelled' | 'failed';

/** What operators filter by: `failed` includes those that the customer cancelled. */
export const handoffStandings = ['open', 'completed', 'superseded', 'failed'] as const;
export type HandoffStanding = (typeof handoffStandings)[number];

/** Every reason once, whatever is added. */
const everyReason: Readonly<Record<HandoffReason, true>> = {
  cancelled: true,
  link_refused: true,
  not_signed_in: true,
  sign_in_refused: true,
  not_finished: true,
  service_unavailable: true,
  connection_unavailable: true,
  connection_refused: true,
  connection_not_linked: true,
  no_accounts: true,
  account_mismatch: true,
  account_unpublishable: true,
  provider_refused: true,
  credentials_rejected: true,
  redirect_refused: true,
  provider_unavailable: true,
  declined: true,
};

/** Every reason, for lists and for the labels of metrics. */
export const handoffReasons = Object.keys(everyReason) as readonly HandoffReason[];

/** What is known of a handoff when its deadline passes. */
export interface ExpiryFacts {
  readonly state: HandoffState;
  readonly partialSharing: PartialSharing | null;
  readonly signInFailures: number;
  readonly failureCause: HandoffFailureCause | null;
  /** A worker has been at it since the customer's choice. */
  readonly isWorkedOn: boolean;
}

/** Why a handoff was not finished at its deadline, where its workflow did not say. */
export function reasonOfExpiry(facts: ExpiryFacts): HandoffReason {
  switch (facts.state) {
    case 'opened':
      return facts.signInFailures > 0 ? 'sign_in_refused' : 'not_signed_in';
    case 'sharing':
      if (facts.partialSharing === 'asked') return 'not_finished';
      if (facts.failureCause === 'service_unavailable' || !facts.isWorkedOn) return 'service_unavailable';
      return 'provider_unavailable';
    default:
      // Signed in and nothing chosen; or the redirect was there, and the browser did not come for it.
      return 'not_finished';
  }
}

/** Failures that concern more than one customer: the provider's, or our own. */
export const generalHandoffReasons = [
  'service_unavailable',
  'provider_unavailable',
  'provider_refused',
  'credentials_rejected',
  'redirect_refused',
] as const satisfies readonly HandoffReason[];

/** What a customer has decided alone: no failure of anybody. */
export const decidedHandoffReasons = ['cancelled', 'declined'] as const satisfies readonly HandoffReason[];

/** How an end with a reason is counted. */
export function outcomeOfReason(reason: HandoffReason): HandoffOutcome {
  return reason === 'cancelled' ? 'cancelled' : 'failed';
}
