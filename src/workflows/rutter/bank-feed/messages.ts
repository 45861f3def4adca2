import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { FeedState, OperatorAction } from '../../../domain/feed.js';
import type { Degraded, ReportedStatus } from '../../../domain/feed-status.js';

/** Input of `bankFeedWorkflow`. `carried` is the complete state that continue-as-new passes to the next run. */
export interface BankFeedInput {
  readonly feedId: string;
  readonly carried?: BankFeedCarried;
  /** Renews after this many passes of the loop; for tests, which cannot wait for 4,096 events. */
  readonly passesMax?: number;
}

/** The state that one run passes to the next: plain JSON, states and counters only. */
export interface BankFeedCarried {
  readonly feedState: FeedState;
  readonly reason: string | null;
  /** Absent from versions before 0.3.0. */
  readonly degraded?: Degraded | null;
  readonly postingsWaiting: boolean;
  readonly readAccount: boolean;
  readonly requests: readonly OperatorAction[];
  /** `deliveryRun`: the next one starts at once. New postings wake the feed only while it waits for `postings`. */
  readonly waitingFor: 'postings' | 'deliveryRun' | 'lock' | 'job' | 'retry' | 'facts';
  /** Epoch ms of the next check that is due without any signal. */
  readonly dueAtMs: number;
  readonly syncsDone: number;
  readonly lastSyncedAtMs: number | null;
}

/** Result of the `feedStatus` query: for operators in the Temporal UI. */
export interface FeedStatus {
  readonly feedId: string;
  readonly state: FeedState;
  readonly reason: string | null;
  /** Null: the feed is not retried by itself. */
  readonly degraded: Degraded | null;
  readonly syncsDone: number;
  readonly lastSyncedAt: string | null;
  /** The next check that is due without any signal. */
  readonly dueAt: string;
  /** A delivery run is under way. */
  readonly working: boolean;
}

/** Core banking has committed new postings for this feed. No payload: the workflow reads the rows. */
export const postingsAvailable = defineSignal('postingsAvailable');
/** Requests of an operator or the customer. The row shows when one was applied. */
export const pauseRequested = defineSignal('pauseRequested');
export const resumeRequested = defineSignal('resumeRequested');
export const syncRequested = defineSignal('syncRequested');
export const closeRequested = defineSignal('closeRequested');
/** The connection's or the account's facts in the row have changed: check again. */
export const factsChanged = defineSignal('factsChanged');
/** The delivery run under way reports: an attempt failed and is retried, or work succeeded again. */
export const statusReported = defineSignal<[ReportedStatus]>('statusReported');

export const feedStatus = defineQuery<FeedStatus>('feedStatus');
