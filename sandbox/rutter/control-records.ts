import { countParameter } from '../stand-in/control.js';
import {
  ControlError,
  findAccount,
  textOf,
  type ControlAction,
  type ControlRequest,
} from './control-action.js';
import type { AccountRecord, BookEntry, JobRecord } from './records.js';
import { iso } from './render.js';
import type { Sandbox } from './sandbox.js';

export const recordActions: readonly ControlAction[] = [
  { method: 'GET', path: '/book', run: showBook },
  { method: 'POST', path: '/book/forget', run: forgetTransactions },
  { method: 'GET', path: '/jobs', run: listJobs },
  { method: 'GET', path: '/requests', run: listRequests },
  { method: 'GET', path: '/counters', run: (sandbox) => sandbox.requests.counters },
  { method: 'GET', path: '/violations', run: listViolations },
  { method: 'DELETE', path: '/violations', run: clearViolations },
];

/** The checker's book: per account what was booked, in the order of acceptance, with batch, job and key. */
function showBook(sandbox: Sandbox, { query }: ControlRequest): unknown {
  const accountId = query.get('account_id');
  const internalId = query.get('internal_bank_account_id');
  const offset = countParameter(query, 'offset', 0);
  const limit = countParameter(query, 'limit', Number.MAX_SAFE_INTEGER);
  const isSummary = query.has('summary');
  const accounts = [...sandbox.state.accounts.values()].filter((account) => {
    if (accountId !== null && account.id !== accountId) return false;
    return internalId === null || account.fields['internal_bank_account_id'] === internalId;
  });
  const batches = batchesByAccount(sandbox);
  return {
    accounts: accounts.map((account) => {
      const own = batches.get(account.id) ?? [];
      const head = accountHead(sandbox, account, own);
      if (isSummary) return head;
      const numbers = new Map(own.map((job, index) => [job.id, index]));
      const entries = [...sandbox.state.book.entriesOf(account.id)].slice(offset, offset + limit);
      return { ...head, transactions: entries.map((entry) => entryView(sandbox, entry, numbers)) };
    }),
  };
}

/** Rutter loses what it had acknowledged. */
function forgetTransactions(sandbox: Sandbox, { body }: ControlRequest): unknown {
  const account = findAccount(sandbox, textOf(body['account_id'], 'account_id'));
  const ids: unknown = body['transaction_ids'];
  const isText = (id: unknown): id is string => typeof id === 'string';
  if (!Array.isArray(ids) || !ids.every(isText)) {
    throw new ControlError(400, 'transaction_ids must be a list of texts');
  }
  const before = sandbox.state.book.countOf(account.id);
  sandbox.commit({ type: 'book_forgot', accountId: account.id, transactionIds: ids });
  return { forgotten: before - sandbox.state.book.countOf(account.id) };
}

function accountHead(
  sandbox: Sandbox,
  account: AccountRecord,
  batches: readonly JobRecord[],
): Record<string, unknown> {
  return {
    account_id: account.id,
    connection_id: account.connectionId,
    internal_bank_account_id: account.fields['internal_bank_account_id'] ?? null,
    feed_status: account.feedStatus,
    transaction_ready: account.transactionReady,
    transaction_start_date: account.transactionStartDate,
    count: sandbox.state.book.countOf(account.id),
    batches: batches.map((job) => ({
      job_id: job.id,
      idempotency_key: job.idempotencyKey,
      accepted_at: iso(job.acceptedAtMs),
      finished_at: job.finishedAtMs === null ? null : iso(job.finishedAtMs),
      http_status: job.httpStatus,
      count: job.work.kind === 'transactions' ? job.work.transactions.length : 0,
      duplicates: (job.answered ?? []).filter((line) => line.duplicate).length,
    })),
  };
}

function entryView(sandbox: Sandbox, entry: BookEntry, batchNumbers: ReadonlyMap<string, number>): unknown {
  return {
    transaction_id: entry.transaction_id,
    id: entry.id,
    posted_at: entry.posted_at,
    amount: entry.amount,
    description: entry.description,
    transaction_type: entry.transaction_type,
    debit_credit_memo: entry.debit_credit_memo,
    payee: entry.payee,
    booked_at: iso(entry.bookedAtMs),
    platform_ingested: entry.ingested,
    batch: batchNumbers.get(entry.jobId) ?? null,
    job_id: entry.jobId,
    idempotency_key: sandbox.state.jobs.get(entry.jobId)?.idempotencyKey ?? null,
  };
}

/** Jobs are kept in the order of acceptance. */
function batchesByAccount(sandbox: Sandbox): Map<string, JobRecord[]> {
  const byAccount = new Map<string, JobRecord[]>();
  for (const job of sandbox.state.jobs.values()) {
    if (job.work.kind !== 'transactions') continue;
    const own = byAccount.get(job.work.accountId) ?? [];
    byAccount.set(job.work.accountId, own);
    own.push(job);
  }
  return byAccount;
}

function listJobs(sandbox: Sandbox): unknown {
  return {
    jobs: [...sandbox.state.jobs.values()].map((job) => ({
      id: job.id,
      kind: job.work.kind,
      connection_id: job.connectionId,
      idempotency_key: job.idempotencyKey,
      accepted_at: iso(job.acceptedAtMs),
      finished_at: job.finishedAtMs === null ? null : iso(job.finishedAtMs),
      http_status: job.httpStatus,
      planned: job.planned.kind,
    })),
  };
}

function listRequests(sandbox: Sandbox, { query }: ControlRequest): unknown {
  const requests = sandbox.requests.list();
  const limit = countParameter(query, 'limit', requests.length);
  return {
    counters: sandbox.requests.counters,
    requests: requests.slice(Math.max(requests.length - limit, 0)),
  };
}

/** `violations` break the contract; `resent` and `notes` do not, and are reported for tests. */
function listViolations(sandbox: Sandbox): unknown {
  const { violations, notes } = sandbox.state;
  return {
    violations,
    resent: notes.filter((note) => note.rule === 'resent'),
    notes: notes.filter((note) => note.rule !== 'resent'),
  };
}

function clearViolations(sandbox: Sandbox): unknown {
  sandbox.commit({ type: 'violations_cleared' });
  return { violations: [] };
}
