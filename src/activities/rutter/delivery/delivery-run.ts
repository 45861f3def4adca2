import type { FeedState } from '../../../domain/feed.js';
import type { Degraded } from '../../../domain/feed-status.js';
import type { ShownStatus } from '../../status-report.js';

/** What a delivery run is asked for and what it answers; plain JSON, stored in histories. */

export interface RunDeliveryInput {
  readonly feedId: string;
  /** Read the account at Rutter first: with the daily check, and when a user requested it. */
  readonly readAccount: boolean;
  /** What the workflow shows of the feed's reason: a run reports what differs. */
  readonly shown?: ShownStatus;
}

/**
 * - `caught_up`: nothing is ready any more.
 * - `more`: the run's minute is over, or its worker stops; the next run continues at once.
 * - `lock_busy`: another sender has the delivery lock.
 * - `job_running`: the batch's job runs at Rutter; polled after `waitMs`.
 * - `retry_later`: a batch is sent again, or checked again, after `waitMs`.
 * - `waiting`: for an operator, the connection or the account; the feed's row says for which.
 * - `closed`: the feed is closed.
 */
export type DeliveryRunOutcome =
  | 'caught_up'
  | 'more'
  | 'lock_busy'
  | 'job_running'
  | 'retry_later'
  | 'waiting'
  | 'closed';

export interface RunDeliveryResult {
  readonly outcome: DeliveryRunOutcome;
  readonly state: FeedState;
  readonly reason: string | null;
  /** Absent from versions before 0.3.0. */
  readonly degraded?: Degraded | null;
  readonly customerId: string;
  readonly batches: number;
  readonly delivered: number;
  /** With `job_running` and `retry_later`: how long until the next run. */
  readonly waitMs?: number;
  /** With `caught_up`: how long until the next check without any signal; epoch ms of it, and of this sync. */
  readonly nextSyncInMs?: number;
  readonly nextSyncAtMs?: number;
  readonly syncedAtMs?: number;
}
