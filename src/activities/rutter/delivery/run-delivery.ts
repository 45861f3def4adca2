import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { isRutterError } from '../../../clients/rutter/errors.js';
import { serializeBatch } from '../../../clients/rutter/transform.js';
import { buildBatch, type BuildBatchResult } from '../../../db/rutter/build-batch.js';
import { readDatabaseClock } from '../../../db/clock.js';
import { openAccessToken } from '../../../db/connections.js';
import { recordAccountSeen, recordCaughtUp, recordConnectionRefused } from '../../../db/rutter/feed-facts.js';
import { clearRequestedCheck, readFeed, type FeedRow } from '../../../db/rutter/feeds.js';
import { releaseDeliveryLock } from '../../../db/rutter/delivery-locks.js';
import { failureTypes } from '../../../domain/failures.js';
import { unreachable } from '../../../domain/feed.js';
import { isBlocked, maySend } from '../../../domain/rutter/feed.js';
import { deliveryLockOf } from '../../../domain/rutter/delivery-lock.js';
import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { reportedStatus, rutterFeedStatus } from '../../../domain/rutter/feed-status.js';
import { nextSyncAtMs } from '../../../domain/rutter/schedule.js';
import { contentOf } from './batch-content.js';
import { closeFeedOfAccount, reopenFeedOfAccount } from './follow-account.js';
import { finishBatch } from './finish-batch.js';
import { whileHoldingDeliveryLock } from './lease-keeper.js';
import { recordFailure } from './record-failure.js';
import { explainFailure, waitForOrganisation } from './check-credentials.js';
import { shareReason, shareReasonOfOpenBatch, waitForBlockedFeed } from './other-feeds.js';
import { checkTaken } from './check-taken.js';
import { readAccount } from './read-account.js';
import type { RutterDeps } from '../deps.js';
import { Obsolete, readFailure } from '../../failures.js';
import { StatusReport } from '../../status-report.js';
import { whileHeartbeating } from '../../while-heartbeating.js';
import type { DeliveryRunOutcome, RunDeliveryInput, RunDeliveryResult } from './delivery-run.js';
import type { BatchContext } from './batch-context.js';
import type { BatchOutcome } from './batch-outcome.js';

/*
 * One delivery run of a feed: batch after batch until the feed has caught up, a minute has passed, the delivery lock is
 * busy or a job is slow. A repeat is safe at any point: what was built, sent, seen and completed is stored in the
 * ledger before and after each step, and the next sender continues from there, under the same keys. Failures:
 * ProviderUnavailable, RateLimited and DatabaseUnavailable are retried; a refusal is no failure, it blocks the feed and
 * the result says so. Limits: a minute, `deliveryLimits.batchesPerDeliveryRunMax`, one batch in flight.
 */

export type { DeliveryRunOutcome, RunDeliveryInput, RunDeliveryResult };

export function rutterRunDelivery(deps: RutterDeps) {
  return async (input: RunDeliveryInput): Promise<RunDeliveryResult> => {
    const { feedId } = input;
    const report = new StatusReport(feedId, input.shown, (status) =>
      deps.workflows.feedStatusReported({ feedId, status }),
    );
    const deliveryRun = new DeliveryRun(deps, input, Context.current().cancellationSignal, report);
    return await whileHeartbeating(() => deliveryRun.run(), report.details);
  };
}

type WorkableBuild = Extract<BuildBatchResult, { kind: 'built' | 'lock_held' }>;

class DeliveryRun {
  private readonly holder = randomUUID();
  private readonly startedAtMs = performance.now();
  private batches = 0;
  private delivered = 0;

  constructor(
    private readonly deps: RutterDeps,
    private readonly input: RunDeliveryInput,
    private readonly signal: AbortSignal,
    private readonly report: StatusReport,
  ) {}

  async run(): Promise<RunDeliveryResult> {
    try {
      const result = await this.deliverFeed();
      this.report.note({ ...result, degraded: result.degraded ?? null });
      return result;
    } catch (error) {
      // A cancelled run has no failure.
      if (!this.signal.aborted) await this.reportNow();
      throw error;
    }
  }

  /** The workflow sees nothing of an attempt that failed, nor of what a run has done, before the activity ends. */
  private async reportNow(): Promise<void> {
    const feed = await readFeed(this.deps.pool, this.input).catch(() => null);
    if (feed !== null) await this.report.now(reportedStatus(feed));
  }

  private async deliverFeed(): Promise<RunDeliveryResult> {
    const feed = await reopenFeedOfAccount(this.deps, await this.mustRead(this.input.feedId));
    if (feed.checkRequested) await clearRequestedCheck(this.deps.pool, feed);
    if (feed.facts.connection === 'refused' || feed.rutterAccountId === null) {
      // A user requested it: the connection may have recovered, even when it is no longer polled.
      if (this.input.readAccount) await this.deps.workflows.wakeConnection(feed);
      return await this.waitingOrClosed(feed);
    }
    await waitForOrganisation(this.deps, feed);
    try {
      return await this.deliver(feed);
    } catch (error) {
      return await this.afterFailure(feed, error);
    }
  }

  private async deliver(feed: FeedRow): Promise<RunDeliveryResult> {
    if (this.input.readAccount && feed.facts.operator === 'running') await this.checkAtAccount(feed);
    while (this.batches < deliveryLimits.batchesPerDeliveryRunMax) {
      if (this.signal.aborted || this.deps.stopping.aborted) return await this.result('more');
      if (performance.now() - this.startedAtMs > deliveryLimits.deliveryRunMaxMs)
        return await this.result('more');
      const leaseTakenAtMs = performance.now();
      const built = await buildBatch(this.deps.pool, {
        feedId: feed.feedId,
        deliveryLockId: deliveryLockOf(feed),
        holder: this.holder,
        serialize: serializeBatch,
        maySend: (now) => maySend(now.facts) && !isBlocked(now.reason) && !now.isUnlinking,
      });
      if (built.kind === 'lock_busy') return await this.lockBusy(feed, built.yieldTo);
      if (built.kind === 'nothing_ready') return await this.caughtUp(feed);
      if (built.kind === 'held_back') continue;
      if (built.kind === 'not_sendable') return await this.waitingOrClosed(built.feed);
      const ended = await this.afterBatch(feed, built, await this.work(feed, built, leaseTakenAtMs));
      if (ended !== null) return ended;
    }
    return await this.result('more');
  }

  /** What the end of a batch means for the delivery run; null when it goes on with the next one. */
  private async afterBatch(
    feed: FeedRow,
    built: WorkableBuild,
    outcome: BatchOutcome,
  ): Promise<RunDeliveryResult | null> {
    const { feedId: ownerId } = built.batch;
    if (ownerId !== feed.feedId && (outcome.kind === 'delivered' || outcome.kind === 'undone')) {
      // The batch's own feed may wait for this very event; a closed feed has no workflow.
      const owner = await this.mustRead(ownerId);
      if (owner.facts.operator !== 'closed') await this.deps.workflows.feedFactsChanged(owner);
    }
    switch (outcome.kind) {
      case 'delivered':
        this.batches += 1;
        this.delivered += outcome.delivered;
        if (ownerId === feed.feedId && !this.report.isHealthy) await this.reportNow();
        return null;
      case 'undone':
        return null;
      case 'stopping':
        return await this.result('more');
      case 'job_running':
      case 'retry_later':
        await shareReason(this.deps, feed, { feedId: ownerId, nextAttemptMs: outcome.waitMs });
        return await this.result(outcome.kind, outcome.waitMs);
      case 'lock_lost':
        return await this.result('lock_busy');
      case 'blocked':
        return await this.afterBlocked(feed, built);
      default:
        return unreachable(outcome);
    }
  }

  /**
   * Nothing may be sent past a blocked batch. Its own feed has the reason; other feeds of the connection name that
   * feed.
   */
  private async afterBlocked(feed: FeedRow, built: WorkableBuild): Promise<RunDeliveryResult> {
    const { batch } = built;
    if (batch.feedId === feed.feedId) return await this.result('waiting');
    const what = `batch ${String(batch.number)} of feed ${batch.feedId}`;
    return await this.result('retry_later', await waitForBlockedFeed(this.deps, feed, what));
  }

  /** The feed whose turn it is may wait for some seconds more: wake it. */
  private async lockBusy(feed: FeedRow, yieldTo: string | null): Promise<RunDeliveryResult> {
    if (yieldTo !== null) await this.deps.workflows.feedFactsChanged({ feedId: yieldTo });
    await shareReasonOfOpenBatch(this.deps, feed);
    return await this.result('lock_busy');
  }

  /** Works on the batch just built, or on the open batch that has the delivery lock, of whichever feed. */
  private async work(feed: FeedRow, built: WorkableBuild, leaseTakenAtMs: number): Promise<BatchOutcome> {
    const { pool } = this.deps;
    const deliveryLockId = deliveryLockOf(feed);
    const owner = built.batch.feedId === feed.feedId ? feed : await this.mustRead(built.batch.feedId);
    const context = this.contextOf(owner, leaseTakenAtMs);
    const release = () =>
      releaseDeliveryLock(pool, { deliveryLockId, holder: this.holder }).catch(() => undefined);
    try {
      const fresh = built.kind === 'built' ? contentOf(built) : undefined;
      const outcome = await whileHoldingDeliveryLock({ pool, deliveryLockId, holder: this.holder }, () =>
        finishBatch(context, built.batch, fresh),
      );
      // Completing a batch releases the lock in its own transaction; every other outcome releases it here.
      if (outcome.kind !== 'delivered') await release();
      return outcome;
    } catch (error) {
      await release();
      throw error;
    }
  }

  private contextOf(feed: FeedRow, leaseTakenAtMs: number): BatchContext {
    return {
      deps: this.deps,
      feed,
      deliveryLockId: deliveryLockOf(feed),
      holder: this.holder,
      accessToken: openAccessToken(this.deps.keyring, feed),
      leaseTakenAgoMs: () => performance.now() - leaseTakenAtMs,
      signal: this.signal,
    };
  }

  private async checkAtAccount(feed: FeedRow): Promise<void> {
    const account = await readAccount(this.contextOf(feed, performance.now()));
    await recordAccountSeen(this.deps.pool, { ...feed, ...this.deps.settings, account });
    if (!account.ready) await this.deps.workflows.wakeConnection({ connectionId: feed.connectionId });
  }

  private async caughtUp(feed: FeedRow): Promise<RunDeliveryResult> {
    const { deps, delivered, signal } = this;
    await checkTaken(deps, feed, { isDaily: this.input.readAccount, delivered, signal });
    // The row is compared by the database; the workflow, which has Temporal's clock, gets the wait.
    const nowMs = await readDatabaseClock(deps.pool);
    const intervalMs = deps.settings.feedSyncIntervalMs;
    const dueMs = nextSyncAtMs({ feedId: feed.feedId, nowMs, intervalMs });
    const after = await recordCaughtUp(this.deps.pool, { feedId: feed.feedId, nextSyncAtMs: dueMs });
    const closed = await this.closeWithAccount(after ?? feed);
    if (closed !== null) return closed;
    return {
      ...this.resultOf('caught_up', after ?? feed),
      nextSyncAtMs: dueMs,
      nextSyncInMs: dueMs - nowMs,
      syncedAtMs: nowMs,
    };
  }

  /**
   * A failure in the run. A refused connection stops its feeds. A run that delivered batches reports them; one without
   * any throws, and Temporal retries it.
   */
  private async afterFailure(feed: FeedRow, error: unknown): Promise<RunDeliveryResult> {
    const refusal = await explainFailure(this.deps, feed, error);
    if (refusal !== null) {
      await recordConnectionRefused(this.deps.pool, { connectionId: feed.connectionId, ...refusal });
      await this.deps.workflows.wakeConnection(feed);
      return await this.result('waiting');
    }
    const reading = readFailure(error);
    const isRecorded = reading.type !== failureTypes.databaseUnavailable && !this.signal.aborted;
    if (this.batches > 0) {
      const waitMs = reading.retryAfterMs ?? deliveryLimits.progressRetryMs;
      if (isRecorded) await recordFailure(this.deps, feed, error, waitMs);
      return await this.result('retry_later', waitMs);
    }
    if (isRecorded) await recordFailure(this.deps, feed, error);
    if (isRutterError(error) && error.kind === 'refused' && !reading.retryable) {
      // A refused read (refused batches are handled before) passes with the fault of the provider.
      throw ApplicationFailure.create({ type: failureTypes.providerUnavailable, message: error.message });
    }
    throw error;
  }

  private async waitingOrClosed(feed: FeedRow): Promise<RunDeliveryResult> {
    const outcome = feed.facts.operator === 'closed' ? 'closed' : 'waiting';
    return (await this.closeWithAccount(feed)) ?? this.resultOf(outcome, feed);
  }

  /** Null: the feed does not close now. */
  private async closeWithAccount(feed: FeedRow): Promise<RunDeliveryResult | null> {
    const closed = await closeFeedOfAccount(this.deps, feed);
    if (closed === null) return null;
    return closed === 'reopened' ? await this.result('more') : this.resultOf('closed', closed);
  }

  private async result(outcome: RunDeliveryResult['outcome'], waitMs?: number): Promise<RunDeliveryResult> {
    const result = this.resultOf(outcome, await this.mustRead(this.input.feedId));
    return waitMs === undefined ? result : { ...result, waitMs };
  }

  private resultOf(outcome: RunDeliveryResult['outcome'], feed: FeedRow): RunDeliveryResult {
    return {
      outcome,
      ...rutterFeedStatus(feed),
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
