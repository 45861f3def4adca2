import { isNotFound } from '../../../clients/rutter/errors.js';
import type { JobResult } from '../../../clients/rutter/jobs.js';
import type { OpenBatch } from '../../../db/rutter/batches.js';
import { recordUnknownOutcome } from '../../../db/rutter/complete-batch.js';
import { recordReason } from '../../../db/rutter/feed-facts.js';
import { providerUnavailableReason } from '../../../domain/feed.js';
import { deliveryLimits, jobPollDelayMs } from '../../../domain/rutter/delivery-limits.js';
import { completeByList } from './complete-by-list.js';
import { reactToRefusal } from './react-to-refusal.js';
import { meaningOfJobFailure } from './refusals.js';
import { resolveOrSendAgain } from './resolve-by-read-back.js';
import type { BatchContent } from './batch-content.js';
import type { BatchContext } from './batch-context.js';
import type { BatchOutcome } from './batch-outcome.js';
import { blockFeed, renewBatch } from './end-attempt.js';

/** Polls the job of a batch until it ends, or until waiting would hold an activity slot too long. */
export async function followJob(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
): Promise<BatchOutcome> {
  const jobId = batch.jobId;
  if (jobId === null) throw new Error('the batch has no job');
  const beganMs = performance.now();
  let waitedMs = 0;
  for (;;) {
    const ageMs = (batch.jobAgeMs ?? 0) + Math.max(waitedMs, performance.now() - beganMs);
    // An old job is polled at once: the wait was on the workflow's timer.
    if (ageMs < deliveryLimits.jobInDeliveryRunMs) {
      const waitMs = jobPollDelayMs(ageMs);
      await context.deps.wait(waitMs, context.signal);
      waitedMs += waitMs;
    }
    const result = await pollJob(context, jobId);
    if (result === 'unknown')
      return await blockFeed(context, 'job_lost', 'Rutter does not know the job any more');
    if (result.kind === 'success') {
      return await completeByList(context, batch, content, { ...result, jobId, evidence: 'job' });
    }
    if (result.kind === 'failure') return await afterFailedJob(context, batch, content, result);
    if (ageMs > deliveryLimits.jobAgeMaxMs)
      return await blockFeed(context, 'job_running_too_long', `status ${result.status}`);
    if (ageMs >= deliveryLimits.jobInDeliveryRunMs) return await jobRuns(context, { ageMs, jobId });
  }
}

/** Polled on the workflow's timer from now on. A job that takes much longer than others is a failure of the provider. */
async function jobRuns(context: BatchContext, job: { ageMs: number; jobId: string }): Promise<BatchOutcome> {
  const waitMs = jobPollDelayMs(job.ageMs);
  if (job.ageMs >= deliveryLimits.jobSlowMs) {
    await recordReason(context.deps.pool, {
      feedId: context.feed.feedId,
      reason: providerUnavailableReason,
      detail: `the job ${job.jobId} has not ended`,
      cause: 'job_slow',
      nextAttemptMs: waitMs,
      timeline: false,
    });
  }
  return { kind: 'job_running', waitMs };
}

async function pollJob(context: BatchContext, jobId: string): Promise<JobResult | 'unknown'> {
  try {
    return await context.deps.rutter.getJob({ jobId, signal: context.signal });
  } catch (error) {
    if (isNotFound(error)) return 'unknown';
    throw error;
  }
}

async function afterFailedJob(
  context: BatchContext,
  batch: OpenBatch,
  content: BatchContent,
  failure: Extract<JobResult, { kind: 'failure' }>,
): Promise<BatchOutcome> {
  const { httpStatus, error } = failure;
  switch (meaningOfJobFailure(httpStatus, error.errorCode)) {
    case 'in_doubt':
      await recordUnknownOutcome(context.deps.pool, {
        batch,
        httpStatus,
        message: error.errorMessage ?? 'the job failed and its effect is unknown',
        accepted: true,
      });
      return await resolveOrSendAgain(context, batch, content);
    case 'rate_limited':
      return await renewBatch(context, batch, { ...error, httpStatus });
    case 'refused': {
      const refusal = { ...error, httpStatus: httpStatus ?? 400, jobId: batch.jobId };
      return await reactToRefusal({ context, batch, content, refusal, accepted: true });
    }
  }
}
