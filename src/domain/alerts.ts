/**
 * What a person should know of. An alert is a row that stands while its condition does; the sweep alone raises and
 * ends it. The runbook has an entry for each code.
 */
export const alertCodes = [
  /** A feed is parked with a reason that waits for a person. */
  'feed_parked',
  /** A feed that may send has not caught up for longer than the sync interval. */
  'feed_late',
  /** A trouble that should pass by itself has not, for ten minutes. */
  'trouble_lasts',
  /** The provider refuses our own credentials: one alert for the service. */
  'organisation_refused',
  /** Postings of a feed were set aside, or stand at the provider with other content. */
  'postings_quarantined',
  /** A feed, or a connection on which something is awaited, had lost its workflow; it was started again. */
  'workflow_missing',
] as const;
export type AlertCode = (typeof alertCodes)[number];

/** The subject of an alert that is of no feed and no connection. */
export const serviceSubject = 'service';

/** A passing trouble is nobody's business before it has stood this long. */
export const troubleLastsMs = 10 * 60_000;
