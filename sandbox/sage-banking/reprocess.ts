import { accountOf, refuseCancelled } from './accounts.js';
import { reprocessIdsMax, reprocessResultLifetimeMs, STATUS } from './assumptions.js';
import { errorBody, invalid, isObject, newId, notFound, type Answer, type ApiRequest } from './http.js';
import { repredict } from './predictions.js';
import type { ReprocessRecord } from './records.js';
import { extended } from './render.js';
import { ACCOUNT, type Route } from './route.js';
import type { Sandbox } from './sandbox.js';
import type { Change } from './state.js';

const reprocess = `${ACCOUNT}/reprocesstransactions`;

export const reprocessRoutes: readonly Route[] = [
  { method: 'POST', path: reprocess, access: 'account', counter: 'reprocess_posts', answer: startRun },
  { method: 'GET', path: reprocess, access: 'account', counter: 'reprocess_polls', answer: pollRun },
];

/** Accepted at once, worked on later; two runs of an account go one after the other (contract 10). */
function startRun(sandbox: Sandbox, request: ApiRequest): Answer {
  const account = accountOf(request);
  refuseCancelled(account);
  const ids: unknown = isObject(request.json) ? request.json['transactionIds'] : undefined;
  const isId = (id: unknown): id is number => Number.isInteger(id);
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > reprocessIdsMax || !ids.every(isId)) {
    throw invalid({
      field: 'transactionIds',
      reason: `must be a list of 1 to ${reprocessIdsMax} whole numbers`,
    });
  }
  const subject = {
    method: request.method,
    path: request.path,
    ids: { account: account.id, company: account.companyId },
  };
  const faults = sandbox.faults.take('run', subject);
  const slow = faults.find((fault) => fault.kind === 'slow_reprocess');
  const isEndless = faults.some((fault) => fault.kind === 'reprocess_never_ends');
  const nowMs = sandbox.clock.nowMs();
  const before = sandbox.state
    .all('reprocess')
    .filter((run) => run.accountId === account.id && run.state === 'waiting')
    .map((run) => run.dueMs ?? nowMs);
  const startsAtMs = Math.max(nowMs, ...before);
  const record: ReprocessRecord = {
    id: newId(),
    accountId: account.id,
    transactionIds: ids,
    acceptedAtMs: nowMs,
    startsAtMs,
    dueMs: isEndless ? null : startsAtMs + (slow?.run_ms ?? sandbox.knobs.reprocessRunMs),
    willFail: faults.some((fault) => fault.kind === 'reprocess_fails'),
    state: 'waiting',
    finishedAtMs: null,
  };
  sandbox.commit({ put: 'reprocess', record });
  return { status: STATUS.reprocessAccepted, body: pollBody(sandbox, request, record) };
}

/** The address repeats the resource's path and stays the same (contract 10). */
function pollBody(sandbox: Sandbox, request: ApiRequest, run: ReprocessRecord): unknown {
  return {
    requestId: run.id,
    pollRoute: `${sandbox.origin}${request.path}?requestId=${run.id}`,
    pollPeriod: sandbox.knobs.reprocessPollPeriodMs,
  };
}

function pollRun(sandbox: Sandbox, request: ApiRequest): Answer {
  const id = request.query.get('requestid') ?? '';
  if (id === '') throw invalid({ field: 'requestId', reason: 'is required' });
  const run = sandbox.state.get('reprocess', id);
  const nowMs = sandbox.clock.nowMs();
  const isForgotten = run?.finishedAtMs != null && run.finishedAtMs + reprocessResultLifetimeMs <= nowMs;
  if (run === undefined || run.accountId !== accountOf(request).id || isForgotten) {
    throw notFound(`request ${id}`);
  }
  switch (run.state) {
    case 'waiting':
      return { status: 202, body: pollBody(sandbox, request, run) };
    case 'failed':
      return { status: 500, body: errorBody('internal', 'the transactions could not be reprocessed') };
    case 'done': {
      const found = run.transactionIds.map((wanted) => sandbox.state.transactions.get(run.accountId, wanted));
      const transactions = found.filter((transaction) => transaction !== undefined);
      return { status: 200, body: { transactions: transactions.map((body) => extended(sandbox, body)) } };
    }
    default:
      return run.state satisfies never;
  }
}

/** Applies the rules of this moment; ids that do not exist are left out (assumed, contract 10). */
export function finishRun(sandbox: Sandbox, run: ReprocessRecord, finishedAtMs: number): void {
  if (run.willFail) {
    sandbox.commit({ put: 'reprocess', record: { ...run, state: 'failed', finishedAtMs } });
    return;
  }
  const rules = sandbox.state.rulesOf(run.accountId);
  const changes = [...new Set(run.transactionIds)].flatMap((id): Change[] => {
    const body = sandbox.state.transactions.get(run.accountId, id);
    if (body === undefined) return [];
    return [{ put: 'transaction', record: { accountId: run.accountId, body: repredict(rules, body) } }];
  });
  sandbox.commit({ put: 'reprocess', record: { ...run, state: 'done', finishedAtMs } }, ...changes);
}
