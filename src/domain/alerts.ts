/**
 * Alerts for operators. An alert is a row that is open while its condition holds; only the repair job raises and ends
 * it. The runbook has an entry for each code. The most urgent come first: they are reported in this order.
 */
export const alertCodes = [
  /** The provider refuses our own credentials: one alert for the service. */
  'credentials_rejected',
  /** Work of a channel is open, and this installation is not configured for the channel. */
  'channel_not_configured',
  /** An onboarding at Sage waits for an operator: an answer was lost, or Sage refuses us for longer than a moment. */
  'onboarding_stuck',
  /** A feed is blocked with a reason that waits for a person. */
  'feed_blocked',
  /** Postings of a feed were quarantined, or the provider has them with other content. */
  'postings_quarantined',
  /** Sage sent transactions in a form that the service does not know, within the last week. */
  'transactions_unrecognized',
  /** A feed, or a connection on which something is awaited, had lost its workflow; it was started again. */
  'workflow_missing',
  /** A failure that should pass by itself has not, for ten minutes. */
  'failure_persists',
  /** A feed that may send has not caught up for longer than the sync interval. */
  'feed_late',
] as const;
export type AlertCode = (typeof alertCodes)[number];

/** What one outage raises for every feed: many at once are reported in one line, so that the others stay visible. */
export const massAlertCodes: ReadonlySet<AlertCode> = new Set([
  'workflow_missing',
  'failure_persists',
  'feed_late',
]);

/** The subject of an alert that concerns neither a feed nor a connection. */
export const serviceSubject = 'service';

/** An unknown form is reported for this long after the last transaction that had it. */
export const unrecognizedAlertMs = 7 * 24 * 3_600_000;

/** A transient failure raises an alert only after it has lasted this long. */
export const failurePersistsMs = 10 * 60_000;
