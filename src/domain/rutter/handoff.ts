/**
 * The states of a handoff's row: `opened` by a browser, `logged_in`, `sharing` once the accounts are chosen,
 * `ready` when the redirect is stored; `taken`, `superseded` by another window, `refused` and `expired` are final.
 */
export const handoffStates = [
  'opened',
  'logged_in',
  'sharing',
  'ready',
  'taken',
  'superseded',
  'refused',
  'expired',
] as const;
export type HandoffState = (typeof handoffStates)[number];

/** Why a handoff ended without a redirect: codes for the page, which says what to do next. */
export type HandoffReason =
  /** The customer pressed Cancel. */
  | 'cancelled'
  /** The link is incomplete, or its redirect is not one of the configured origins: nobody arrived. */
  | 'link_refused'
  /** Nobody signed in until the deadline. */
  | 'not_signed_in'
  /** Nobody signed in until the deadline, and at least one attempt was refused. */
  | 'sign_in_refused'
  /** The customer signed in and did not go on until the deadline. */
  | 'not_finished'
  /** Our own service did not go on until the deadline: database, Temporal, or no worker. */
  | 'service_unavailable'
  /** The chosen connection does not exist, or is not this customer's. */
  | 'connection_unavailable'
  /** The chosen connection must be authorized again or was disabled. */
  | 'connection_refused'
  /** The customer has not finished Rutter Link for the connection. */
  | 'connection_not_linked'
  /** None of the chosen accounts is this customer's. */
  | 'no_accounts'
  /** At Rutter the account has another currency, type or id than ours. */
  | 'account_mismatch'
  /** Our own record says that the account is not published. */
  | 'account_unpublishable'
  /** Rutter refused what we asked for. */
  | 'provider_refused'
  /** Rutter refuses the bank's own credentials. */
  | 'credentials_rejected'
  /** The redirect is no longer one of the configured origins. */
  | 'redirect_refused'
  /** Rutter did not answer until the deadline. */
  | 'provider_unavailable'
  /** Some accounts could not be published, and the customer chose not to go on with the others. */
  | 'declined';

/** Whether to go on without the accounts that could not be published: the question, and the customer's answer. */
export type PartialSharing = 'asked' | 'accepted' | 'declined';

/** Why one account could not be published: codes for the page and the timeline. */
export type AccountRefusalReason =
  /** At Rutter the account has another currency, type or id than ours. */
  | 'account_mismatch'
  /** Core banking keeps it from being published, it is closed, or Rutter does not list its currency: see the code. */
  | 'account_unpublishable'
  /** Rutter refused the account. */
  | 'provider_refused'
  /** The connection is being unlinked: no account is shared on it any more. */
  | 'connection_unlinking';
