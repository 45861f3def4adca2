import type { FaultSpec, RutterFaultSubject } from './faults.js';
import { assumedCode, assumedType, jobRetentionMs, prequeuedShare } from './assumptions.js';
import { errorBody, gone, newId, redactedTarget, type Answer, type ApiRequest } from './http.js';
import { foldTransactions } from './folding.js';
import { fingerprintTarget, idempotencyKeyOf } from './idempotency.js';
import type { AcceptedJob, JobRecord, Outcome, Work } from './records.js';
import { renderJobBody } from './render-answer.js';
import type { Sandbox } from './sandbox.js';

export type ResponseMode = 'async' | 'prefer_sync';

/** An accepted request, before it has an id. */
export interface Plan {
  work: Work;
  runMs: number;
  responseMode: ResponseMode;
}

/**
 * Accepts a request: it gets a job, whose id is returned in `X-Rutter-Job-ID` and whose result is stored under the
 * Idempotency-Key. Answers the result when the job ends inside the synchronous window, else `async_response`.
 */
export async function accept(
  sandbox: Sandbox,
  request: ApiRequest,
  plan: Plan,
  subject: RutterFaultSubject,
): Promise<Answer> {
  const faults = sandbox.faults.take('job', subject);
  const nowMs = sandbox.clock.nowMs();
  const slow = faults.find((fault) => fault.kind === 'slow_job');
  const accepted: AcceptedJob = {
    id: newId(),
    connectionId: request.connection?.id ?? null,
    idempotencyKey: idempotencyKeyOf(request),
    method: request.method,
    target: fingerprintTarget(request),
    bodySha256: request.bodySha256,
    acceptedAtMs: nowMs,
    runMs: slow?.run_ms ?? plan.runMs,
    work: foldedWork(faults, plan.work),
    planned: plannedOutcome(faults, plan.work),
  };
  sandbox.commit({ type: 'job_accepted', job: accepted });
  startJob(sandbox, accepted.id);
  if (plan.responseMode === 'prefer_sync')
    await waitForJob(sandbox, accepted.id, sandbox.knobs.preferSyncWindowMs);
  const job = sandbox.state.jobs.get(accepted.id);
  if (job === undefined) throw new Error('an accepted job vanished');
  if (job.finishedAtMs !== null && plan.responseMode === 'prefer_sync') return jobAnswer(sandbox, job);
  return asyncAnswer(sandbox, job);
}

/** Lets an accepted job run out; used at acceptance and for jobs found unfinished at a restart. */
export function startJob(sandbox: Sandbox, jobId: string): void {
  const job = sandbox.state.jobs.get(jobId);
  if (job === undefined || job.finishedAtMs !== null || job.planned.kind === 'never') return;
  if (job.runMs === 0) return finishJob(sandbox, jobId);
  sandbox.clock.schedule(job.acceptedAtMs + job.runMs, () => finishJob(sandbox, jobId));
}

export function finishJob(sandbox: Sandbox, jobId: string, outcome?: Outcome): void {
  const atMs = sandbox.clock.nowMs();
  const job = sandbox.state.jobs.get(jobId);
  if (job === undefined || job.finishedAtMs !== null) return;
  sandbox.commit({ type: 'job_finished', jobId, atMs, ...(outcome === undefined ? {} : { outcome }) });
  for (const wake of sandbox.jobWaiters.get(jobId) ?? []) wake();
  sandbox.jobWaiters.delete(jobId);
  sandbox.webhooks.jobFinished(job);
}

/** The stored result, as in the first answer. */
export function jobAnswer(sandbox: Sandbox, job: JobRecord): Answer {
  return {
    status: job.httpStatus ?? 200,
    headers: { 'X-Rutter-Job-ID': job.id },
    body: renderJobBody(sandbox, job),
  };
}

/** 200 with `async_response`: the description files both shapes under 200. */
export function asyncAnswer(sandbox: Sandbox, job: JobRecord): Answer {
  return {
    status: 200,
    headers: { 'X-Rutter-Job-ID': job.id },
    body: {
      async_response: {
        id: job.id,
        status: statusOf(job, sandbox.clock.nowMs()),
        response_url: `${sandbox.origin}/versioned/jobs/${job.id}`,
      },
    },
  };
}

/** GET /jobs/:id: no envelope, no access_token. */
export function fetchJob(sandbox: Sandbox, request: ApiRequest): Answer {
  if (request.query.has('access_token'))
    sandbox.violation('job_poll_with_access_token', 'GET /jobs takes none');
  const job = sandbox.state.jobs.get(request.params['id'] ?? '');
  const nowMs = sandbox.clock.nowMs();
  if (job === undefined || nowMs - job.acceptedAtMs > jobRetentionMs) throw gone('the job');
  const status = statusOf(job, nowMs);
  const [path = '', parameters = ''] = job.target.split('?');
  const query = new URLSearchParams(parameters);
  if (job.connectionId !== null) query.set('access_token', 'redacted');
  const shown: Record<string, unknown> = {
    id: job.id,
    status,
    request: {
      method: job.method,
      url: `${sandbox.origin}/versioned${redactedTarget(path, query)}`,
      ...(job.idempotencyKey === null ? {} : { idempotency_key: job.idempotencyKey }),
    },
  };
  if (job.finishedAtMs !== null) {
    shown['response'] = { http_status: job.httpStatus, body: renderJobBody(sandbox, job) };
  }
  return { status: 200, body: shown };
}

function statusOf(job: JobRecord, nowMs: number): 'prequeued' | 'pending' | 'success' | 'failure' {
  if (job.finishedAtMs !== null) return (job.httpStatus ?? 500) < 300 ? 'success' : 'failure';
  return nowMs - job.acceptedAtMs < job.runMs * prequeuedShare ? 'prequeued' : 'pending';
}

function waitForJob(sandbox: Sandbox, jobId: string, windowMs: number): Promise<void> {
  if (sandbox.state.jobs.get(jobId)?.finishedAtMs !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      cancel();
      resolve();
    };
    const cancel = sandbox.clock.schedule(sandbox.clock.nowMs() + windowMs, resolve);
    const waiters = sandbox.jobWaiters.get(jobId) ?? new Set();
    sandbox.jobWaiters.set(jobId, waiters.add(wake));
  });
}

function plannedOutcome(faults: readonly FaultSpec[], work: Work): Outcome {
  for (const fault of faults) {
    const outcome = outcomeOf(fault, work);
    if (outcome !== undefined) return outcome;
  }
  return { kind: 'done' };
}

function outcomeOf(fault: FaultSpec, work: Work): Outcome | undefined {
  const failed = (httpStatus: number, body: unknown, withEffect = false): Outcome => {
    return {
      kind: 'failed',
      httpStatus: fault.http_status ?? httpStatus,
      body: fault.body ?? body,
      withEffect,
    };
  };
  const { platform, internal } = assumedType;
  switch (fault.kind) {
    case 'platform_bad_request':
    case 'job_failure':
      return failed(
        450,
        errorBody(platform, assumedCode.platformBadRequest, 'the platform refused the request'),
      );
    case 'platform_rate_limited':
      return failed(
        452,
        errorBody(platform, assumedCode.platformRateLimited, 'the platform is rate limiting'),
      );
    case 'server_error_before_effect':
    case 'server_error_after_effect': {
      const body = errorBody(internal, assumedCode.internal, 'something went wrong');
      return failed(500, body, fault.kind === 'server_error_after_effect');
    }
    case 'job_never_ends':
      return { kind: 'never' };
    case 'omit_from_answer':
      return { kind: 'omitted', transactionIds: omittedIds(fault, work), booked: fault.booked ?? false };
    case 'poison': {
      return failed(450, errorBody(platform, assumedCode.platformBadRequest, poisonMessage(fault, work)));
    }
    default:
      return undefined;
  }
}

function foldedWork(faults: readonly FaultSpec[], work: Work): Work {
  if (work.kind !== 'transactions') return work;
  return { ...work, transactions: foldTransactions(work.transactions, faults) };
}

function poisonMessage(fault: FaultSpec, work: Work): string {
  if (fault.named === false) return 'a transaction is not valid';
  const sent = work.kind === 'transactions' ? work.transactions.map((item) => item.transaction_id) : [];
  const bad = sent.filter((id) => fault.transaction_ids?.includes(id) ?? false);
  switch (fault.naming ?? 'first') {
    case 'first':
      return `transaction ${bad[0] ?? ''} is not valid`;
    case 'last':
      return `transaction ${bad.at(-1) ?? ''} is not valid`;
    case 'position':
      return `transactions[${sent.indexOf(bad[0] ?? '')}] is not valid`;
    case 'last_sent':
      return `transaction ${sent.at(-1) ?? ''} is not valid`;
  }
}

function omittedIds(fault: FaultSpec, work: Work): string[] {
  if (fault.transaction_ids !== undefined) return fault.transaction_ids;
  if (work.kind !== 'transactions') return [];
  return work.transactions.slice(-(fault.count ?? 1)).map((item) => item.transaction_id);
}
