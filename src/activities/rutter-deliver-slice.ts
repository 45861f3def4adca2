import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { isRutterError } from '../clients/rutter/errors.js';
import { serializeBatch } from '../clients/rutter/transform.js';
import { cutBatch, type CutResult } from '../db/cut-batch.js';
import { openAccessToken } from '../db/connections.js';
import {
  recordAccountSeen,
  recordCaughtUp,
  recordConnectionRefused,
  recordReason,
} from '../db/feed-facts.js';
import { readFeed, type FeedRow } from '../db/feeds.js';
import { releaseLane } from '../db/lanes.js';
import { failureTypes } from '../domain/failures.js';
import { isParked, maySend, peerUnavailableReason, type FeedState } from '../domain/feed.js';
import { laneOf } from '../domain/lane.js';
import { limits } from '../domain/limits.js';
import { nextSyncAtMs } from '../domain/schedule.js';
import type { BatchContext, BatchEnding } from './delivery/batch-context.js';
import { finishBatch } from './delivery/finish-batch.js';
import { whileHoldingLane } from './delivery/lease-keeper.js';
import { readAccount } from './delivery/read-account.js';
import type { ActivityDeps } from './deps.js';
import { readConnectionRefusal, type ConnectionRefusal } from './explain-refusal.js';
import { Obsolete, OrganisationRefused } from './failures.js';
import { whileHeartbeating } from './while-heartbeating.js';

/*
 * One slice of a feed's delivery: batch after batch until it has caught up, a minute has passed, the lane is busy or
 * a job is slow. A repeat is safe at any point: what was cut, sent, seen and settled stands in the ledger before and
 * after each step, and whoever comes next goes on from there, under the same keys. Failures: PeerUnavailable,
 * RateLimited and DatabaseUnavailable are retried; a refusal is no failure, it parks the feed and says so in the
 * result. Limits: a minute, `batchesPerSliceMax`, one batch in flight.
 */

export interface DeliverSliceInput {
  readonly feedId: string;
  /** Read the account at Rutter first: with the daily look, and when a person asked. */
  readonly readAccount: boolean;
}

export interface DeliverSliceResult {
  readonly outcome: 'caught_up' | 'more' | 'lane_busy' | 'job_running' | 'waiting' | 'closed';
  readonly state: FeedState;
  readonly reason: string | null;
  readonly customerId: string;
  readonly batches: number;
  readonly delivered: number;
  /** With `job_running`: look again after this long. */
  readonly waitMs?: number;
  /** With `caught_up`: epoch ms of the next look that is due without any signal, and of this sync. */
  readonly nextSyncAtMs?: number;
  readonly syncedAtMs?: number;
}

/** A slice that cannot end by itself is a bug; this many batches do not fit into its minute. */
const batchesPerSliceMax = 1_000;
/** Our credentials are refused for everybody: probe again after this long. */
const organisationProbeMs = 30_000;

export function rutterDeliverSlice(deps: ActivityDeps) {
  return async (input: DeliverSliceInput): Promise<DeliverSliceResult> => {
    const { cancellationSignal } = Context.current();
    return await whileHeartbeating(() => new Slice(deps, input, cancellationSignal).run());
  };
}

class Slice {
  private readonly holder = randomUUID();
  private readonly startedAtMs = Date.now();
  private batches = 0;
  private delivered = 0;

  constructor(
    private readonly deps: ActivityDeps,
    private readonly input: DeliverSliceInput,
    private readonly signal: AbortSignal,
  ) {}

  async run(): Promise<DeliverSliceResult> {
    const feed = await this.mustRead(this.input.feedId);
    if (feed.facts.connection === 'refused' || feed.rutterAccountId === null) return this.waiting(feed);
    try {
      return await this.deliver(feed);
    } catch (error) {
      return await this.afterTrouble(feed, error);
    }
  }

  private async deliver(feed: FeedRow): Promise<DeliverSliceResult> {
    if (this.input.readAccount && feed.facts.operator === 'running') await this.lookAtAccount(feed);
    while (this.batches < batchesPerSliceMax) {
      if (this.signal.aborted || this.deps.stopping.aborted) return await this.result('more');
      if (Date.now() - this.startedAtMs > limits.sliceMaxMs) return await this.result('more');
      const cut = await cutBatch(this.deps.pool, {
        feedId: feed.feedId,
        laneId: laneOf(feed),
        holder: this.holder,
        serialize: serializeBatch,
        maySend: (now) => maySend(now.facts) && !isParked(now.reason),
      });
      if (cut.kind === 'lane_busy') return await this.result('lane_busy');
      if (cut.kind === 'nothing_ready') return await this.caughtUp(feed);
      if (cut.kind === 'not_sendable') return this.waiting(cut.feed);
      const ending = await this.work(feed, cut);
      if (ending.kind === 'settled') {
        this.batches += 1;
        this.delivered += ending.delivered;
      }
      if (ending.kind === 'job_running') return await this.result('job_running', ending.waitMs);
      if (ending.kind === 'parked') return await this.result('waiting');
      if (ending.kind === 'lease_lost') return await this.result('lane_busy');
    }
    return await this.result('more');
  }

  /** Works on the batch just cut, or on the open one that is in the way, of whichever feed of the lane. */
  private async work(
    feed: FeedRow,
    cut: Extract<CutResult, { kind: 'cut' | 'lane_open' }>,
  ): Promise<BatchEnding> {
    const { pool } = this.deps;
    const laneId = laneOf(feed);
    const owner = cut.batch.feedId === feed.feedId ? feed : await this.mustRead(cut.batch.feedId);
    const context = this.contextOf(owner);
    try {
      const fresh = cut.kind === 'cut' ? { postings: cut.postings, body: cut.body } : undefined;
      return await whileHoldingLane({ pool, laneId, holder: this.holder }, () =>
        finishBatch(context, cut.batch, fresh),
      );
    } finally {
      // Settling gives the lane back in its own transaction; every other way out does it here.
      await releaseLane(pool, { laneId, holder: this.holder }).catch(() => undefined);
    }
  }

  private contextOf(feed: FeedRow): BatchContext {
    return {
      deps: this.deps,
      feed,
      laneId: laneOf(feed),
      holder: this.holder,
      accessToken: openAccessToken(this.deps.keyring, feed),
      signal: this.signal,
    };
  }

  private async lookAtAccount(feed: FeedRow): Promise<void> {
    const account = await readAccount(this.contextOf(feed));
    await recordAccountSeen(this.deps.pool, { ...feed, account });
    if (!account.ready) await this.deps.workflows.nudgeConnection({ connectionId: feed.connectionId });
  }

  private async caughtUp(feed: FeedRow): Promise<DeliverSliceResult> {
    const nowMs = Date.now();
    const dueMs = nextSyncAtMs({
      feedId: feed.feedId,
      nowMs,
      intervalMs: this.deps.settings.feedSyncIntervalMs,
    });
    const after = await recordCaughtUp(this.deps.pool, { feedId: feed.feedId, nextSyncAtMs: dueMs });
    return { ...this.report('caught_up', after ?? feed), nextSyncAtMs: dueMs, syncedAtMs: nowMs };
  }

  /**
   * Trouble on the way. A refused connection parks its feeds, a refused read parks this one. Progress is reported
   * instead of thrown away; without any, the failure goes to Temporal, which waits and tries again.
   */
  private async afterTrouble(feed: FeedRow, error: unknown): Promise<DeliverSliceResult> {
    const { feedId, connectionId } = feed;
    const refusal = await this.connectionRefusal(feed, error);
    if (refusal !== null) {
      await recordConnectionRefused(this.deps.pool, { connectionId, ...refusal });
      await this.deps.workflows.nudgeConnection({ connectionId });
      return await this.result('waiting');
    }
    if (isRutterError(error) && error.kind === 'refused') {
      // Not of a batch (those are dealt with), but of a read that a batch needs: asking again would not help.
      const detail = error.message;
      await recordReason(this.deps.pool, { feedId, reason: 'refused_by_sage', detail, timeline: true });
      return await this.result('waiting');
    }
    if (this.batches > 0) return await this.result('more');
    if (isRutterError(error)) await this.noteTrouble(feed, error.message);
    throw error;
  }

  /** Our own credentials are refused for everybody: nothing is this feed's fault, and all wait for the next probe. */
  private async connectionRefusal(feed: FeedRow, error: unknown): Promise<ConnectionRefusal | null> {
    try {
      return await readConnectionRefusal(this.deps, error);
    } catch (probed) {
      if (!(probed instanceof OrganisationRefused)) throw probed;
      await this.noteTrouble(feed, probed.message);
      throw ApplicationFailure.create({
        type: failureTypes.peerUnavailable,
        message: probed.message,
        nextRetryDelay: organisationProbeMs,
      });
    }
  }

  private async noteTrouble(feed: FeedRow, detail: string): Promise<void> {
    if (isParked(feed.reason)) return;
    const { feedId } = feed;
    await recordReason(this.deps.pool, { feedId, reason: peerUnavailableReason, detail, timeline: false });
  }

  private waiting(feed: FeedRow): DeliverSliceResult {
    return this.report(feed.facts.operator === 'closed' ? 'closed' : 'waiting', feed);
  }

  private async result(outcome: DeliverSliceResult['outcome'], waitMs?: number): Promise<DeliverSliceResult> {
    const report = this.report(outcome, await this.mustRead(this.input.feedId));
    return waitMs === undefined ? report : { ...report, waitMs };
  }

  private report(outcome: DeliverSliceResult['outcome'], feed: FeedRow): DeliverSliceResult {
    return {
      outcome,
      state: feed.state,
      reason: feed.reason,
      customerId: feed.customerId,
      batches: this.batches,
      delivered: this.delivered,
    };
  }

  private async mustRead(feedId: string): Promise<FeedRow> {
    const feed = await readFeed(this.deps.pool, { feedId });
    if (feed === null) throw new Obsolete('the feed does not exist');
    return feed;
  }
}
