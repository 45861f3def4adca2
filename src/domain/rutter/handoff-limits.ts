const secondMs = 1_000;

/** Limits of a handoff at Rutter. Milliseconds end in `Ms`, counts in `Max`. */
export const handoffLimits = {
  /**
   * Kept free before the latest moment of the one-time password: nothing is published in it. The password takes one
   * request of at most 10 s and perhaps a second one; the page that names missing accounts stays for some seconds.
   */
  otpReserveMs: 45 * secondMs,
  /** Where little time is configured (`HANDOFF_OTP_LATEST`), the reserve is at most this share of it. */
  otpReserveShareMax: 1 / 4,
  /** Accounts offered on one page: a form with more would be too large for browsers and for people. */
  offeredAccountsMax: 1_000,
  /** Accounts named on a page or in a list; the rest is counted. */
  namedAccountsMax: 20,
  /** The page that names missing accounts goes on by itself after this. */
  missingPageSeconds: 10,
  /** With less time than this the page that names missing accounts is skipped: the redirect must not be missed. */
  missingPageLeftMinMs: 20 * secondMs,
  /** Accounts of a connection that are published after its handoff, in one check of the connection. */
  laterAccountsPerCheckMax: 100,
  /** One check of a connection publishes later accounts no longer than this; the next check goes on. */
  laterPublishingMaxMs: 90 * secondMs,
  /** Until the next check of a connection on which accounts are left to publish. */
  laterCheckMs: 2 * secondMs,
} as const;

/**
 * How long a handoff may go on publishing: until the reserve before the latest moment of its one-time password.
 * Zero or less: the password is due with what is published.
 *
 * @param handoff by the database's clock; `otpLatestMs` counts from the browser's first arrival
 */
export function publishingTimeMs(handoff: {
  readonly firstSeenAt: string;
  readonly deadlineAt: string;
  readonly remainingMs: number;
  readonly otpLatestMs: number;
}): number {
  const lifetimeMs = Date.parse(handoff.deadlineAt) - Date.parse(handoff.firstSeenAt);
  const elapsedMs = lifetimeMs - handoff.remainingMs;
  const latestMs = Math.min(lifetimeMs, handoff.otpLatestMs);
  const reserveMs = Math.min(handoffLimits.otpReserveMs, latestMs * handoffLimits.otpReserveShareMax);
  return Math.floor(latestMs - reserveMs - elapsedMs);
}
