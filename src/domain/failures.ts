/**
 * Types of the failures that cross from activities to workflows. Classes are lost in serialization; a workflow
 * decides on `cause.type`, which is one of these, and never on message text.
 */
export const failureTypes = {
  /** Rutter refused the input permanently; a person must check it. */
  refused: 'Refused',
  /** The connection must be authorized again or was disabled. */
  connectionRefused: 'ConnectionRefused',
  /** Our own credentials are refused: an outage of the whole organisation. */
  credentialsRejected: 'CredentialsRejected',
  /** 429 or 452: retried after the wait that was asked for. */
  rateLimited: 'RateLimited',
  /** Not reached, or the outcome is unknown and a repeat is safe. */
  providerUnavailable: 'ProviderUnavailable',
  /** The row, lease or deadline that the activity needs is gone: nothing left to do here. */
  obsolete: 'Obsolete',
  /** The worker's configuration lacks the channel: retried, since it may have been taken away by mistake. */
  channelDisabled: 'ChannelDisabled',
  /** The database did not answer. */
  databaseUnavailable: 'DatabaseUnavailable',
  /** Not one of the above. Retried, counted, and alerted on. */
  unexpected: 'Unexpected',
} as const;
export type FailureType = (typeof failureTypes)[keyof typeof failureTypes];
