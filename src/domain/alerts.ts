/**
 * Alerts for operators. An alert is a row that is open while its condition holds; the repair job raises and ends
 * it, and the API those of the service as a whole. The runbook has an entry for each code. The most urgent come first: they are reported in this order.
 */
export const alertCodes = [
  /** The provider refuses our own credentials: one alert for the service. */
  'credentials_rejected',
  /** No worker polls a task queue: what it delivers, or decides, waits. */
  'task_queue_not_polled',
  /** The database came back from an earlier moment than Temporal: what was written to it since is lost. */
  'database_restored',
  /** Another database has written its mark to our namespace of Temporal: a restore would not be noticed. */
  'temporal_of_other_database',
  /** A pause, resume or close of the lost time may be lost: Temporal's workflow and the row differ. */
  'decision_possibly_lost',
  /** A workflow ran for a row that the restored database does not have; it was ended. */
  'workflow_without_row',
  /** Work of a channel is open, and this installation is not configured for the channel. */
  'channel_not_configured',
  /** Logins from Sage fail for many customers, because of the provider or of our own service. */
  'handoffs_failing',
  /** Login links are refused since their redirect is not configured, and none is accepted. */
  'login_links_refused',
  /** An onboarding at Sage waits for an operator: an answer was lost, or Sage refuses us for longer than a moment. */
  'onboarding_stuck',
  /** The logins of one customer failed again and again. */
  'customer_cannot_connect',
  /** A customer shared an account, and it could not be published at the provider. */
  'account_not_published',
  /** A feed is blocked with a reason that waits for a person. */
  'feed_blocked',
  /** A connection ended before the outcome of a batch was known: an operator looks into Sage and decides it. */
  'batch_undecided',
  /** Postings of a feed were quarantined, or the provider has them with other content. */
  'postings_quarantined',
  /** Postings of a feed equal delivered ones of an account that theirs replaces, and are held. */
  'possible_duplicates',
  /** Core banking sent items that are no valid postings; until an operator acknowledges it. */
  'postings_rejected',
  /** Core banking sent other content under ids that are stored; until an operator acknowledges it. */
  'postings_conflicting',
  /** Rutter shows delivered postings of a feed with other text than was sent; until an operator acknowledges it. */
  'postings_altered',
  /** Sage sent transactions in a form that the service does not know, within the last week. */
  'transactions_unrecognized',
  /** The clock of a process, of Temporal or of a provider differs from PostgreSQL's by more than some seconds. */
  'clock_off',
  /** A search attribute is missing, so feeds cannot be found by it in the Temporal UI. */
  'search_attribute_missing',
  /** A worker runs a workflow bundle that was built from other code, or with another SDK, than its own. */
  'workflow_bundle_old',
  /** Temporal had lost its Schedule, search attributes or workflows; they were made again. For an hour. */
  'temporal_data_lost',
  /** A feed, or a connection on which something is awaited, had lost its workflow; it was started again. */
  'workflow_missing',
  /** A failure that should pass by itself has not, for half a minute. */
  'failure_persists',
  /** A feed that may send has not caught up for longer than the sync interval. */
  'feed_late',
  /** The provider refuses a connection, and the customer has not signed in again. */
  'reauth_required',
  /** An account is published and nothing can be sent, since Sage has no start date for it. */
  'waiting_for_start_date',
  /** A customer disconnected an account in Sage, and it was not connected again. */
  'disconnected',
] as const;
export type AlertCode = (typeof alertCodes)[number];

/** `critical`: many customers, or a promise broken; act now. `warning`: needs a person today. `info`: its customer acts. */
export const alertSeverities = ['critical', 'warning', 'info'] as const;
export type AlertSeverity = (typeof alertSeverities)[number];

export const severityOfAlert: Readonly<Record<AlertCode, AlertSeverity>> = {
  credentials_rejected: 'critical',
  task_queue_not_polled: 'critical',
  database_restored: 'critical',
  temporal_of_other_database: 'critical',
  decision_possibly_lost: 'warning',
  workflow_without_row: 'warning',
  channel_not_configured: 'critical',
  handoffs_failing: 'critical',
  login_links_refused: 'warning',
  onboarding_stuck: 'warning',
  customer_cannot_connect: 'warning',
  account_not_published: 'warning',
  feed_blocked: 'warning',
  batch_undecided: 'warning',
  postings_quarantined: 'warning',
  possible_duplicates: 'warning',
  postings_rejected: 'warning',
  postings_conflicting: 'warning',
  postings_altered: 'info',
  transactions_unrecognized: 'warning',
  clock_off: 'warning',
  search_attribute_missing: 'warning',
  workflow_bundle_old: 'warning',
  temporal_data_lost: 'critical',
  workflow_missing: 'warning',
  failure_persists: 'warning',
  feed_late: 'critical',
  reauth_required: 'info',
  waiting_for_start_date: 'info',
  disconnected: 'info',
};

/** Raised and ended by the API, since without workers there is no repair job. */
export const serviceAlertCodes = [
  'task_queue_not_polled',
  'search_attribute_missing',
  'workflow_bundle_old',
] as const satisfies readonly AlertCode[];

/** The section of the runbook about an alert: file and anchor in this repository. */
export function runbookOfAlert(code: AlertCode): string {
  return `docs/operations/runbook.md#alert-${code}`;
}

/** When what an alert reports began: by its condition (`since` in its detail, ISO), else when the alert was raised. */
export function sinceOfAlert(alert: {
  readonly detail: Readonly<Record<string, unknown>>;
  readonly raisedAt: string;
}): string {
  const { since } = alert.detail;
  return typeof since === 'string' ? since : alert.raisedAt;
}

/** How many things an alert reports, such as postings or feeds, or how often it was found (`count` in its detail). */
export function countOfAlert(alert: { readonly detail: Readonly<Record<string, unknown>> }): number {
  const { count } = alert.detail;
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 1;
}

/** What one outage raises for every feed: many at once are reported in one line, so that the others stay visible. */
export const massAlertCodes: ReadonlySet<AlertCode> = new Set([
  'customer_cannot_connect',
  'workflow_without_row',
  'workflow_missing',
  'failure_persists',
  'feed_late',
  'reauth_required',
  'waiting_for_start_date',
  'disconnected',
]);

/** The subject of an alert that concerns neither a feed nor a connection. */
export const serviceSubject = 'service';

/** What Temporal had lost, and the service has made again, is reported for this long. */
export const lostDataAlertMs = 3_600_000;

/** Every worker looks for another database's mark each half minute: one that was not found for this long is gone. */
export const otherDatabaseAlertMs = 5 * 60_000;

/** An unknown form is reported for this long after the last transaction that had it. */
export const unrecognizedAlertMs = 7 * 24 * 3_600_000;

/** A failure that is retried raises an alert after it has lasted this long: half a minute is no outage yet. */
export const failurePersistsMs = 30_000;

/** Alerts are reviewed this often, so that one is raised within a minute of the first failed attempt. */
export const alertReviewMs = 15_000;

/** An onboarding that does not proceed needs an operator after this. */
export const onboardingStuckMs = 10 * 60_000;

/** More accounts than this with rejected (or conflicting) items are one alert: their cause is one export. */
export const accountsAlertedMax = 20;

/** So many logins that failed within this time, and no fewer than succeeded, are no single customer's misfortune. */
export const handoffFailuresMin = 5;
export const handoffFailuresAlertMs = 3_600_000;

/** A customer whose logins failed so often within this time, and never worked since, needs help. */
export const customerFailuresMin = 3;
export const customerFailuresAlertMs = 24 * 3_600_000;

/** A customer who is signing in again at this moment needs no operator. */
export const reauthAlertMs = 3_600_000;

/** An account that is ready has its start date within seconds; without one it waits for somebody who looks. */
export const startDateAlertMs = 3_600_000;

/** A customer who has shared accounts may choose them in Sage on another day. */
export const neverChosenAlertMs = 3 * 24 * 3_600_000;

/** Whoever disconnects an account by mistake connects it again within a day. */
export const disconnectedAlertMs = 24 * 3_600_000;

/** The customer may share the account again at once, and what the time of a login was too short for follows soon. */
export const notPublishedAlertMs = 10 * 60_000;

/** A customer who has not shared the account again by then needs it no more, or asks the bank. */
export const notPublishedForgottenMs = 7 * 24 * 3_600_000;
