import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { isRutterError } from '../../../clients/rutter/errors.js';
import { serializeBatch } from '../../../clients/rutter/transform.js';
import { buildBatch, type BuildBatchResult } from '../../../db/rutter/build-batch.js';
import { readDatabaseClock } from '../../../db/clock.js';
import { openAccessToken } from '../../../db/connections.js';
import {
  recordAccountSeen,
  recordCaughtUp,
  recordConnectionRefused,
  recordReason,
} from '../../../db/rutter/feed-facts.js';
import { clearRequestedCheck, readFeed, type FeedRow } from '../../../db/rutter/feeds.js';
import { releaseDeliveryLock } from '../../../db/rutter/delivery-locks.js';
import { failureTypes } from '../../../domain/failures.js';
import { unreachable, type FeedState } from '../../../domain/feed.js';
import { isBlocked, otherFeedBlockedReason, maySend } from '../../../domain/rutter/feed.js';
import { deliveryLockOf } from '../../../domain/rutter/delivery-lock.js';
import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { nextSyncAtMs } from '../../../domain/rutter/schedule.js';
import type { BatchContext, BatchEnding } from './batch-context.js';
import { finishBatch } from './finish-batch.js';
import { whileHoldingDeliveryLock } from './lease-keeper.js';
import { recordFailure } from './record-failure.js';
import { explainFailure, waitForOrganisation } from './check-credentials.js';
import { readAccount } from './read-account.js';
import type { RutterDeps } from '../deps.js';
import { Obsolete, readFailure } from '../../failures.js';
import { whileHeartbeating } from '../../while-heartbeating.js';

/*
 * One delivery run of a feed's delivery: batch after batch until it has caught up, a minute has passed, the delivery lock is busy or
 * a job is slow. A repeat is safe at any point: what was built, sent, seen and completed stands in the ledger before and
 * after each step, and whoever comes next goes on from there, under the same keys. Failures: ProviderUnavailable,
 * RateLimited and DatabaseUnavailable are retried; a refusal is no failure, it blocks the feed and says so in the
 * result. Limits: a minute, `deliveryLimits.batchesPerDeliveryRunMax`, one batch in flight.
 */

export interface RunDeliveryInput {
  readonly feedId: string;
  /** Read the account at Rutter first: with the daily look, and when a person asked. */
  readonly readAccount: boolean;
}

export interface RunDeliveryResult {
  readonly outcome: 'caught_up' | 'more' | 'lock_busy' | 'job_running' | 'waiting' | 'closed';
  readonly state: FeedState;
  readonly reason: string | null;
  readonly customerId: string;
  readonly batches: number;
  readonly delivered: number;
  /** With `job_running`: check again after this long. */
  readonly waitMs?: number;
  /** With `caught_up`: epoch ms of the next check that is due without any signal, and of this sync. */
  readonly nextSyncAtMs?: number;
  readonly syncedAtMs?: number;
}

export function rutterRunDelivery(deps: RutterDeps) {
  return async (input: RunDeliveryInput): Promise<RunDeliveryResult> => {
    const { cancellationSignal } = Context.current();
    return await whileHeartbeating(() => new DeliveryRun(deps, input, cancellationSignal).run());
  };
}

type WorkableBuild = Extract<BuildBatchResult, { kind: 'cut' | 'lock_held' }>;

class DeliveryRun {
  private readonly holder = randomUUID();
  private readonly startedAtMs = performance.now();
  private batches = 0;
  private delivered = 0;
  /** Whose batch was worked on when failure came. */
  private failingFeedId: string | null = null;

  constructor(
    private readonly deps: RutterDeps,
    private readonly input: RunDeliveryInput,
    private readonly signal: AbortSignal,
  ) {}

  async run(): Promise<RunDeliveryResult> {
    const feed = await this.mustRead(this.input.feedId);
    if (feed.checkRequested) await clearRequestedCheck(this.deps.pool, feed);
    if (feed.facts.connection === 'refused' || feed.rutterAccountId === null) {
      // A person asked: look whether the connection was healed, even when nobody does any more.
      if (this.input.readAccount) await this.deps.workflows.wakeConnection(feed);
      return this.waiting(feed);
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
      const cut = await buildBatch(this.deps.pool, {
        feedId: feed.feedId,
        deliveryLockId: deliveryLockOf(feed),
        holder: this.holder,
        serialize: serializeBatch,
        maySend: (now) => maySend(now.facts) && !isBlocked(now.reason),
      });
      if (cut.kind === 'lock_busy') return await this.lockBusy(cut.yieldTo);
      if (cut.kind === 'nothing_ready') return await this.caughtUp(feed);
      if (cut.kind === 'not_sendable') return this.waiting(cut.feed);
      const ended = await this.afterBatch(feed, cut, await this.work(feed, cut, leaseTakenAtMs));
      if (ended !== null) return ended;
    }
    return await this.result('more');
  }

  /** What the end of a batch means for the delivery run; null when it goes on with the next one. */
  private async afterBatch(
    feed: FeedRow,
    cut: WorkableBuild,
    ending: BatchEnding,
  ): Promise<RunDeliveryResult | null> {
    const { feedId: ownerId } = cut.batch;
    if (ownerId !== feed.feedId && (ending.kind === 'completed' || ending.kind === 'undone')) {
      // Its own workflow may sleep until somebody says that what it waited for is over; a closed feed has none.
      const owner = await this.mustRead(ownerId);
      if (owner.facts.operator !== 'closed') await this.deps.workflows.feedFactsChanged(owner);
    }
    switch (ending.kind) {
      case 'completed':
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
        return await this.result('lock_busy');
      case 'blocked':
        return await this.afterBlocked(feed, cut);
      default:
        return unreachable(ending);
    }
  }

  /** Nothing may be sent past a batch that waits for a person; its own feed says why, the others say for whom. */
  private async afterBlocked(feed: FeedRow, cut: WorkableBuild): Promise<RunDeliveryResult> {
    if (cut.batch.feedId === feed.feedId) return await this.result('waiting');
    return await this.waitForOther(feed, `batch ${String(cut.batch.number)} of feed ${cut.batch.feedId}`);
  }

  private async waitForOther({ feedId }: FeedRow, what: string): Promise<RunDeliveryResult> {
    const detail = `${what} waits for a person`;
    await recordReason(this.deps.pool, { feedId, reason: otherFeedBlockedReason, detail, timeline: false });
    return await this.result('job_running', deliveryLimits.blockedLockCheckMs);
  }

  /** The feed whose turn it is may be asleep for seconds: tell it. */
  private async lockBusy(yieldTo: string | null): Promise<RunDeliveryResult> {
    if (yieldTo !== null) await this.deps.workflows.feedFactsChanged({ feedId: yieldTo });
    return await this.result('lock_busy');
  }

  /** Works on the batch just cut, or on the open one that is in the way, of whichever feed of the delivery lock. */
  private async work(feed: FeedRow, cut: WorkableBuild, leaseTakenAtMs: number): Promise<BatchEnding> {
    const { pool } = this.deps;
    const deliveryLockId = deliveryLockOf(feed);
    const owner = cut.batch.feedId === feed.feedId ? feed : await this.mustRead(cut.batch.feedId);
    const context = this.contextOf(owner, leaseTakenAtMs);
    const release = () =>
      releaseDeliveryLock(pool, { deliveryLockId, holder: this.holder }).catch(() => undefined);
    try {
      const fresh = cut.kind === 'cut' ? { postings: cut.postings, body: cut.body } : undefined;
      const ending = await whileHoldingDeliveryLock({ pool, deliveryLockId, holder: this.holder }, () =>
        finishBatch(context, cut.batch, fresh),
      );
      // Completing releases the delivery lock in its own transaction; every other end of a batch releases it here.
      if (ending.kind !== 'completed') await release();
      return ending;
    } catch (error) {
      await release();
      this.failingFeedId = owner.feedId;
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
    await recordAccountSeen(this.deps.pool, { ...feed, account });
    if (!account.ready) await this.deps.workflows.wakeConnection({ connectionId: feed.connectionId });
  }

  private async caughtUp(feed: FeedRow): Promise<RunDeliveryResult> {
    // Not this process's clock: a due time in the past would have the feed check again and again.
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
   * A failure on the way. A refused connection blocks its feeds, a refused read blocks this one. Progress is reported
   * instead of thrown away; without any, the failure goes to Temporal, which waits and tries again.
   */
  private async afterFailure(feed: FeedRow, error: unknown): Promise<RunDeliveryResult> {
    const { feedId, connectionId } = feed;
    const refusal = await explainFailure(this.deps, feed, error);
    if (refusal !== null) {
      await recordConnectionRefused(this.deps.pool, { connectionId, ...refusal });
      await this.deps.workflows.wakeConnection({ connectionId });
      return await this.result('waiting');
    }
    const reading = readFailure(error);
    if (isRutterError(error) && error.kind === 'refused' && !reading.retryable) {
      // Not of a batch (those are dealt with), but of a read that a batch needs: asking again would not help.
      const detail = error.message;
      const refusedId = this.failingFeedId ?? feedId;
      const blocked = { feedId: refusedId, reason: 'rejected_by_provider', detail, timeline: true };
      await recordReason(this.deps.pool, blocked);
      if (refusedId === feedId) return await this.result('waiting');
      return await this.waitForOther(feed, `a batch of feed ${refusedId}`);
    }
    if (this.batches > 0)
      return await this.result('job_running', reading.retryAfterMs ?? deliveryLimits.progressRetryMs);
    if (reading.type !== failureTypes.databaseUnavailable) await recordFailure(this.deps, feed, error);
    throw error;
  }

  private waiting(feed: FeedRow): RunDeliveryResult {
    return this.report(feed.facts.operator === 'closed' ? 'closed' : 'waiting', feed);
  }

  private async result(outcome: RunDeliveryResult['outcome'], waitMs?: number): Promise<RunDeliveryResult> {
    const report = this.report(outcome, await this.mustRead(this.input.feedId));
    return waitMs === undefined ? report : { ...report, waitMs };
  }

  private report(outcome: RunDeliveryResult['outcome'], feed: FeedRow): RunDeliveryResult {
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
