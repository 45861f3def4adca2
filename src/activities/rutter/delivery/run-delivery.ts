import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { isRutterError } from '../../../clients/rutter/errors.js';
import { serializeBatch } from '../../../clients/rutter/transform.js';
import { cutBatch, type CutResult } from '../../../db/rutter/build-batch.js';
import { readDatabaseClock } from '../../../db/clock.js';
import { openAccessToken } from '../../../db/connections.js';
import {
  recordAccountSeen,
  recordCaughtUp,
  recordConnectionRefused,
  recordReason,
} from '../../../db/rutter/feed-facts.js';
import { clearOwedLook, readFeed, type FeedRow } from '../../../db/rutter/feeds.js';
import { releaseLane } from '../../../db/rutter/delivery-locks.js';
import { failureTypes } from '../../../domain/failures.js';
import { isParked, laneParkedReason, maySend, unreachable, type FeedState } from '../../../domain/feed.js';
import { laneOf } from '../../../domain/rutter/delivery-lock.js';
import { limits } from '../../../domain/limits.js';
import { nextSyncAtMs } from '../../../domain/schedule.js';
import type { BatchContext, BatchEnding } from './batch-context.js';
import { finishBatch } from './finish-batch.js';
import { whileHoldingLane } from './lease-keeper.js';
import { noteTrouble } from './record-failure.js';
import { explainTrouble, waitForOrganisation } from './check-credentials.js';
import { readAccount } from './read-account.js';
import type { ActivityDeps } from '../../deps.js';
import { Obsolete, readFailure } from '../../failures.js';
import { whileHeartbeating } from '../../while-heartbeating.js';

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
/** Trouble after some batches went well: the next slice begins after this long. */
const progressRetryMs = 2_000;
/** Another feed's batch waits for a person: look again after this long whether one came. */
const parkedLaneLookMs = 10 * 60_000;

export function rutterDeliverSlice(deps: ActivityDeps) {
  return async (input: DeliverSliceInput): Promise<DeliverSliceResult> => {
    const { cancellationSignal } = Context.current();
    return await whileHeartbeating(() => new Slice(deps, input, cancellationSignal).run());
  };
}

type WorkableCut = Extract<CutResult, { kind: 'cut' | 'lane_open' }>;

class Slice {
  private readonly holder = randomUUID();
  private readonly startedAtMs = performance.now();
  private batches = 0;
  private delivered = 0;
  /** Whose batch was worked on when trouble came. */
  private troubledFeedId: string | null = null;

  constructor(
    private readonly deps: ActivityDeps,
    private readonly input: DeliverSliceInput,
    private readonly signal: AbortSignal,
  ) {}

  async run(): Promise<DeliverSliceResult> {
    const feed = await this.mustRead(this.input.feedId);
    if (feed.lookOwed) await clearOwedLook(this.deps.pool, feed);
    if (feed.facts.connection === 'refused' || feed.rutterAccountId === null) {
      // A person asked: look whether the connection was healed, even when nobody does any more.
      if (this.input.readAccount) await this.deps.workflows.nudgeConnection(feed);
      return this.waiting(feed);
    }
    await waitForOrganisation(this.deps, feed);
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
      if (performance.now() - this.startedAtMs > limits.sliceMaxMs) return await this.result('more');
      const leaseTakenAtMs = performance.now();
      const cut = await cutBatch(this.deps.pool, {
        feedId: feed.feedId,
        laneId: laneOf(feed),
        holder: this.holder,
        serialize: serializeBatch,
        maySend: (now) => maySend(now.facts) && !isParked(now.reason),
      });
      if (cut.kind === 'lane_busy') return await this.laneBusy(cut.yieldTo);
      if (cut.kind === 'nothing_ready') return await this.caughtUp(feed);
      if (cut.kind === 'not_sendable') return this.waiting(cut.feed);
      const ended = await this.afterBatch(feed, cut, await this.work(feed, cut, leaseTakenAtMs));
      if (ended !== null) return ended;
    }
    return await this.result('more');
  }

  /** What the end of a batch means for the slice; null when it goes on with the next one. */
  private async afterBatch(
    feed: FeedRow,
    cut: WorkableCut,
    ending: BatchEnding,
  ): Promise<DeliverSliceResult | null> {
    const { feedId: ownerId } = cut.batch;
    if (ownerId !== feed.feedId && (ending.kind === 'settled' || ending.kind === 'undone')) {
      // Its own workflow may sleep until somebody says that what it waited for is over; a closed feed has none.
      const owner = await this.mustRead(ownerId);
      if (owner.facts.operator !== 'closed') await this.deps.workflows.feedFactsChanged(owner);
    }
    switch (ending.kind) {
      case 'settled':
        this.batches += 1;
        this.delivered += ending.delivered;
        return null;
      case 'undone':
        return null;
      case 'stopping':
        return await this.result('more');
      case 'job_running':
      case 'renewed':
        return await this.result('job_running', ending.waitMs);
      case 'lease_lost':
        return await this.result('lane_busy');
      case 'parked':
        return await this.afterParked(feed, cut);
      default:
        return unreachable(ending);
    }
  }

  /** Nothing may be sent past a batch that waits for a person; its own feed says why, the others say for whom. */
  private async afterParked(feed: FeedRow, cut: WorkableCut): Promise<DeliverSliceResult> {
    if (cut.batch.feedId === feed.feedId) return await this.result('waiting');
    return await this.waitForOther(feed, `batch ${String(cut.batch.number)} of feed ${cut.batch.feedId}`);
  }

  private async waitForOther({ feedId }: FeedRow, what: string): Promise<DeliverSliceResult> {
    const detail = `${what} waits for a person`;
    await recordReason(this.deps.pool, { feedId, reason: laneParkedReason, detail, timeline: false });
    return await this.result('job_running', parkedLaneLookMs);
  }

  /** The feed whose turn it is may be asleep for seconds: tell it. */
  private async laneBusy(yieldTo: string | null): Promise<DeliverSliceResult> {
    if (yieldTo !== null) await this.deps.workflows.feedFactsChanged({ feedId: yieldTo });
    return await this.result('lane_busy');
  }

  /** Works on the batch just cut, or on the open one that is in the way, of whichever feed of the lane. */
  private async work(feed: FeedRow, cut: WorkableCut, leaseTakenAtMs: number): Promise<BatchEnding> {
    const { pool } = this.deps;
    const laneId = laneOf(feed);
    const owner = cut.batch.feedId === feed.feedId ? feed : await this.mustRead(cut.batch.feedId);
    const context = this.contextOf(owner, leaseTakenAtMs);
    const release = () => releaseLane(pool, { laneId, holder: this.holder }).catch(() => undefined);
    try {
      const fresh = cut.kind === 'cut' ? { postings: cut.postings, body: cut.body } : undefined;
      const ending = await whileHoldingLane({ pool, laneId, holder: this.holder }, () =>
        finishBatch(context, cut.batch, fresh),
      );
      // Settling gives the lane back in its own transaction; every other way out does it here.
      if (ending.kind !== 'settled') await release();
      return ending;
    } catch (error) {
      await release();
      this.troubledFeedId = owner.feedId;
      throw error;
    }
  }

  private contextOf(feed: FeedRow, leaseTakenAtMs: number): BatchContext {
    return {
      deps: this.deps,
      feed,
      laneId: laneOf(feed),
      holder: this.holder,
      accessToken: openAccessToken(this.deps.keyring, feed),
      leaseTakenAgoMs: () => performance.now() - leaseTakenAtMs,
      signal: this.signal,
    };
  }

  private async lookAtAccount(feed: FeedRow): Promise<void> {
    const account = await readAccount(this.contextOf(feed, performance.now()));
    await recordAccountSeen(this.deps.pool, { ...feed, account });
    if (!account.ready) await this.deps.workflows.nudgeConnection({ connectionId: feed.connectionId });
  }

  private async caughtUp(feed: FeedRow): Promise<DeliverSliceResult> {
    // Not this process's clock: a due time in the past would have the feed look again and again.
    const nowMs = await readDatabaseClock(this.deps.pool);
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
    const refusal = await explainTrouble(this.deps, feed, error);
    if (refusal !== null) {
      await recordConnectionRefused(this.deps.pool, { connectionId, ...refusal });
      await this.deps.workflows.nudgeConnection({ connectionId });
      return await this.result('waiting');
    }
    const reading = readFailure(error);
    if (isRutterError(error) && error.kind === 'refused' && !reading.retryable) {
      // Not of a batch (those are dealt with), but of a read that a batch needs: asking again would not help.
      const detail = error.message;
      const refusedId = this.troubledFeedId ?? feedId;
      const parked = { feedId: refusedId, reason: 'refused_by_sage', detail, timeline: true };
      await recordReason(this.deps.pool, parked);
      if (refusedId === feedId) return await this.result('waiting');
      return await this.waitForOther(feed, `a batch of feed ${refusedId}`);
    }
    if (this.batches > 0) return await this.result('job_running', reading.retryAfterMs ?? progressRetryMs);
    if (reading.type !== failureTypes.databaseUnavailable) await noteTrouble(this.deps, feed, error);
    throw error;
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
