import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { readErrorBody } from './answer.js';
import { slowDownDefaultMs } from './assumptions.js';
import { jobAnswerBytesMax } from './body-sizes.js';
import type { CallOptions } from './call-options.js';
import { isNotFound, isRateLimit, RutterUnauthorized, RutterUnexpectedAnswer } from './errors.js';
import type { RutterErrorBody } from './errors.js';
import type { RequestLimiter } from './limiter.js';
import type { RutterOperation } from './operations.js';
import type { Requester } from './request.js';
import { jobSchema, singleAccountSchema, transactionsBodySchema } from './schemas.js';
import type { RutterAccount, RutterJob, RutterTransaction } from './schemas.js';

/** An unknown status is shown to operators, truncated to this length. */
const statusMaxChars = 100;

interface JobRunning {
  kind: 'running';
  /** `prequeued`, `pending`, or an unknown status: never taken for a final one (contract 9). */
  status: string;
}

interface JobFailure {
  kind: 'failure';
  /** Of the failed request; 5xx and null mean that it may have taken effect (contract 9). */
  httpStatus: number | null;
  error: RutterErrorBody;
}

export type JobResult = JobRunning | { kind: 'success'; transactions: RutterTransaction[] } | JobFailure;
export type AccountJobResult = JobRunning | { kind: 'success'; account: RutterAccount } | JobFailure;

type JobInput = CallOptions & { jobId: string };

/** GET /jobs/:id (contract 9). An unknown id is refused with 410. `response_url` is never followed. */
export interface JobCalls {
  /** The job of POST transactions. A success without the list of transactions is an unexpected answer. */
  getJob(input: JobInput): Promise<JobResult>;
  /** The job of POST accounts. */
  getAccountJob(input: JobInput): Promise<AccountJobResult>;
  /** Requests a job that cannot exist: `refused` means our own credentials, not the token of one connection. */
  probeCredentials(input?: CallOptions): Promise<'good' | 'refused'>;
}

export function createJobCalls(tools: {
  request: Requester;
  timeoutMs: number;
  limiter: RequestLimiter;
}): JobCalls {
  const { request, timeoutMs, limiter } = tools;

  /** All senders slow down after a rate limit, whether a request or an accepted job met it. */
  async function afterJob<End extends JobRunning | JobFailure | { kind: 'success' }>(end: End): Promise<End> {
    if (end.kind === 'failure' && isRateLimit(end.httpStatus)) {
      await limiter.slowDown({ forMs: slowDownDefaultMs }).catch(() => undefined);
    }
    return end;
  }

  async function fetchJob(operation: RutterOperation, input: JobInput): Promise<RutterJob> {
    const answer = await request({
      operation,
      method: 'GET',
      path: `/jobs/${encodeURIComponent(input.jobId)}`,
      schema: jobSchema,
      answerBytesMax: jobAnswerBytesMax,
      priority: input.priority ?? 'delivery',
      signal: input.signal,
      timeoutMs,
    });
    return answer.value;
  }

  return {
    async getJob(input) {
      const job = await fetchJob('getJob', input);
      const validated = validateJob({
        operation: 'getJob',
        jobId: input.jobId,
        job,
        schema: transactionsBodySchema,
      });
      const end = await afterJob(validated);
      return end.kind === 'success' ? { kind: 'success', transactions: end.value } : end;
    },

    async getAccountJob(input) {
      const job = await fetchJob('getAccountJob', input);
      const validated = validateJob({
        operation: 'getAccountJob',
        jobId: input.jobId,
        job,
        schema: singleAccountSchema,
      });
      const end = await afterJob(validated);
      return end.kind === 'success' ? { kind: 'success', account: end.value } : end;
    },

    async probeCredentials(input = {}) {
      try {
        await fetchJob('probeCredentials', { priority: 'interactive', ...input, jobId: randomUUID() });
        return 'good';
      } catch (error) {
        if (error instanceof RutterUnauthorized) return 'refused';
        if (isNotFound(error)) return 'good';
        throw error;
      }
    },
  };
}

/** Success needs a 2xx and a result of the right shape, failure needs that status; anything else is still running. */
function validateJob<T>(input: {
  operation: RutterOperation;
  jobId: string;
  job: RutterJob;
  schema: z.ZodType<T>;
}): JobRunning | JobFailure | { kind: 'success'; value: T } {
  const { operation, job, schema } = input;
  const unexpected = (detail: string): RutterUnexpectedAnswer =>
    new RutterUnexpectedAnswer({ operation, httpStatus: 200, reason: 'unexpected_shape', detail });
  if (job.id !== input.jobId) throw unexpected('the answer is about another job');
  const httpStatus = job.response?.http_status ?? null;
  if (job.status === 'failure') {
    return { kind: 'failure', httpStatus, error: readErrorBody(job.response?.body, []) };
  }
  if (job.status !== 'success') return { kind: 'running', status: job.status.slice(0, statusMaxChars) };
  if (httpStatus === null || httpStatus < 200 || httpStatus > 299) {
    throw unexpected('a successful job without a 2xx result');
  }
  const result = schema.safeParse(job.response?.body);
  if (!result.success) throw unexpected('the result of a successful job is not readable');
  return { kind: 'success', value: result.data };
}
