import { dayMs } from '../limits.js';

const secondMs = 1_000;
const minuteMs = 60 * secondMs;

/**
 * All limits and waits of delivering batches to Rutter: building, locking, sending, retrying, reading back, and polling
 * a job. Milliseconds end in `Ms`, counts in `Max`.
 */
export const deliveryLimits = {
  // Building and sending

  /** Rutter accepts 1…1000 transactions a request (contract 8.2). */
  batchPostingsMax: 1_000,
  /** Of POST transactions and POST accounts: Rutter holds a `prefer_sync` answer for up to 30 s (contract 8.3). */
  postTransactionsTimeoutMs: 45 * secondMs,
  /** Of every other request: lists and single objects answer within a second or two. */
  requestTimeoutMs: 10 * secondMs,
  /** A delivery run begins no further batch after this, so that other feeds get its activity slot. */
  deliveryRunMaxMs: minuteMs,
  /** The last batch of a delivery run: its turns at the limiter, a POST of 45 s, a list read twice. */
  lastBatchMaxMs: 8 * minuteMs,
  /** A delivery run that does not end by itself is a bug: more batches than this do not fit into its minute. */
  batchesPerDeliveryRunMax: 1_000,

  // Whether Sage has taken what was delivered

  /** Pages of 500 in one check: a quiet day costs one request more than without it. */
  takenPagesMax: 1,
  /** Where the provider has never said whether Sage takes postings, it is asked this often and not after each delivery. */
  takenUnansweredCheckMs: 20 * 60 * minuteMs,

  // The delivery lock and its lease

  /** A sender whose lease has expired may act for no batch. A killed sender delays its connection by this. */
  leaseMs: 10 * secondMs,
  /** No lease is ever given for longer. */
  leaseLongestMs: minuteMs,
  /** Three renewals fit into a lease, so two may be lost. */
  leaseRenewMs: 3 * secondMs,
  /** A lease taken longer ago than half of it is renewed before a POST: the process may have been frozen since. */
  leaseFreshMs: 5 * secondMs,
  /** A feed that sends may go on for this long after another feed of the lock has asked for its turn. */
  turnMs: 5 * secondMs,
  /** A feed that asked for its turn and has not come by then was paused, or has caught up: it is forgotten. */
  waitingFeedMs: minuteMs,
  /** A workflow that found the lock taken waits this long, doubling with every try … */
  lockWaitFirstMs: secondMs,
  /** … up to this: a batch of another feed takes seconds. */
  lockWaitMaxMs: 15 * secondMs,
  /** Another feed's batch waits for a person: the lock is checked again after this. */
  blockedLockCheckMs: 10 * minuteMs,

  // Retrying

  /** The same bytes under a new key wait this long before their first POST, doubling with every attempt … */
  attemptWaitFirstMs: 2 * secondMs,
  /** … up to this, since the provider may be back at any time. */
  attemptWaitMaxMs: minuteMs,
  /** After so many attempts of the same bytes a person must act; `sync` or `resume` allows as many again. */
  attemptsMax: 20,
  /** A failure after some batches were delivered: the next delivery run begins after this. */
  progressRetryMs: 2 * secondMs,
  /** A delivery run failed for a reason that should not exist: its workflow tries again after this. */
  failedDeliveryRunCheckMs: 10 * minuteMs,
  /** Our stored hash matches the key and Rutter says otherwise: a bug on one side, which no quick retry solves. */
  keyConflictRetryMs: minuteMs,
  /** Our own credentials are rejected: one sender probes this often whether that is over. */
  credentialsProbeMs: 30 * secondMs,

  // Refusals

  /** Batches of one posting refused with the same code, one after another: then the postings are not the cause. */
  refusedAloneMax: 3,
  /** Single postings of a refused batch that are tried before it counts as refused for a cause of its own. */
  bisectionPlacesMax: 8,
  /** Requests for one refused batch, the first included: a feed that needs more needs a person. */
  bisectionRequestsMax: 100,
  /** Postings of one refused batch that are quarantined before a person must look at the feed. */
  bisectionQuarantinedMax: 50,
  /** Postings of one batch that Rutter has under ids it made of ours, before a person must look at the feed. */
  foldedIdsMax: 50,
  /** Refused postings that the timeline names when a whole batch of them was refused. */
  refusedNamedMax: 20,

  // Reading back

  /** POSTs of one key with an unknown outcome, after which Rutter's own list is read before the next. */
  unknownOutcomePostsMax: 5,
  /** How long Rutter keeps answers under a key is not known: an attempt older than this is read back first. */
  attemptTrustedMs: dayMs,
  /** Rutter's clock and ours may differ by this when everything since an instant of ours is read. */
  clockSlackMs: 5 * minuteMs,
  /** Rutter's list may lag behind its effect: "not there" counts only when it is read twice, this far apart. */
  secondCheckAfterMs: 10 * secondMs,
  /** Pages of 500: ten thousand transactions of the connection since the first POST; with more a person must act. */
  readBackPagesMax: 20,
  /** Pages of 500 that a resync reads twice within the three minutes of its activity. */
  resyncPagesMax: 100,

  // Polling the job of a batch

  /** A job is polled after this share of its age, so that the delay of detection stays a share of the wait … */
  jobPollShare: 1 / 8,
  /** … but no sooner than this: a job takes some seconds … */
  jobPollMinMs: 2 * secondMs,
  /** … and no later than this, since nothing else of the connection is sent meanwhile. */
  jobPollMaxMs: minuteMs,
  /** A younger job is polled in the delivery run, an older one on the workflow's timer, without an activity slot. */
  jobInDeliveryRunMs: 20 * secondMs,
  /** A job takes seconds, or minutes for a long history: one that has not ended by now makes its feed degraded. */
  jobSlowMs: 10 * minuteMs,
  /** After this an operator is alerted; the batch stays open, since nothing may be sent before it ends. */
  jobAgeMaxMs: dayMs,
} as const;

/** How long until the next poll of a job of this age. */
export function jobPollDelayMs(ageMs: number): number {
  const { jobPollShare, jobPollMinMs, jobPollMaxMs } = deliveryLimits;
  return Math.min(jobPollMaxMs, Math.max(jobPollMinMs, Math.round(ageMs * jobPollShare)));
}
