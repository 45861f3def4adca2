import { connectionOf, ownAccount, readResponseMode } from './accounts.js';
import { assumedCode } from './assumptions.js';
import { gone, invalidInput, type Answer, type ApiRequest } from './http.js';
import type { Plan } from './jobs.js';
import { page, readForceFetch, readListParameters, readExpand } from './lists.js';
import type { AccountRecord, SentTransaction } from './records.js';
import { renderTransaction } from './render.js';
import { renderConnectionStub } from './render-answer.js';
import type { Route } from './route.js';
import type { Sandbox } from './sandbox.js';
import { readBatch } from './transaction-rules.js';

const PATH = '/accounting/bank_feeds/transactions';

export const transactionRoutes: readonly Route[] = [
  { method: 'POST', path: PATH, auth: 'connection', plan: planTransactions, needsKey: true },
  { method: 'GET', path: PATH, auth: 'connection', answer: listTransactions },
  { method: 'GET', path: `${PATH}/:id`, auth: 'connection', answer: showTransaction },
];

/** All accounts of the connection: there is no account filter. */
function listTransactions(sandbox: Sandbox, request: ApiRequest): Answer {
  const connection = connectionOf(request);
  readForceFetch(request.query);
  const parameters = readListParameters(sandbox, request);
  const visibleUntilMs = sandbox.clock.nowMs() - sandbox.knobs.readBackLagMs;
  const log = sandbox.state.book.logOf(connection.id);
  const visible =
    sandbox.knobs.readBackLagMs === 0 ? log : log.filter((entry) => entry.bookedAtMs <= visibleUntilMs);
  const { items, nextCursor } = page(visible, parameters);
  const shown = items.map((entry) => renderTransaction(entry, sandbox.knobs));
  if (parameters.expandPlatformData) for (const item of shown) item['platform_data'] = {};
  return {
    status: 200,
    body: {
      bank_feed_transactions: shown,
      next_cursor: nextCursor,
      connection: renderConnectionStub(sandbox, connection),
    },
  };
}

function showTransaction(sandbox: Sandbox, request: ApiRequest): Answer {
  const connection = connectionOf(request);
  readForceFetch(request.query);
  readExpand(request.query.get('expand'));
  const entry = sandbox.state.book.get(request.params['id'] ?? '');
  const account = entry === undefined ? undefined : sandbox.state.accounts.get(entry.accountId);
  if (entry === undefined || account?.connectionId !== connection.id) throw gone('the bank feed transaction');
  return {
    status: 200,
    body: {
      bank_feed_transaction: renderTransaction(entry, sandbox.knobs),
      connection: renderConnectionStub(sandbox, connection),
    },
  };
}

/** Checks a batch against Rutter's rules in the order: shape, account, readiness, delivery lock. Nothing is booked yet. */
function planTransactions(sandbox: Sandbox, request: ApiRequest): Plan {
  const connection = connectionOf(request);
  const batch = readBatch(sandbox, request.json);
  const account = ownAccount(sandbox, connection, batch.accountId);
  countResent(sandbox, account, batch.transactions);
  if (account.feedStatus !== 'active' || !account.transactionReady) {
    sandbox.violation(
      'account_not_ready',
      `account ${account.id} got transactions while ${account.feedStatus}`,
    );
    throw invalidInput('the bank feed account is not linked or not ready', assumedCode.accountNotReady);
  }
  const openJob = sandbox.state.openBatchByConnection.get(connection.id);
  if (openJob !== undefined) {
    sandbox.violation('two_batches_in_flight', `connection ${connection.id}: job ${openJob} has not ended`);
    throw invalidInput('another batch of this connection has not ended', assumedCode.batchInProgress);
  }
  checkStartDate(sandbox, account, batch.transactions);
  return {
    work: { kind: 'transactions', accountId: account.id, transactions: batch.transactions },
    runMs: sandbox.knobs.jobRunMs,
    responseMode: readResponseMode(batch.body),
  };
}

/** Correct after an unknown outcome, suspicious otherwise: counted and noted, not a violation. */
function countResent(sandbox: Sandbox, account: AccountRecord, sent: readonly SentTransaction[]): void {
  const inFlight = idsInFlight(sandbox, account);
  const known = sent.filter(
    ({ transaction_id: id }) => inFlight.has(id) || sandbox.state.book.has(account.id, id),
  );
  if (known.length === 0) return;
  sandbox.requests.counters.resent_transactions += known.length;
  const first = known[0]?.transaction_id ?? '';
  sandbox.note(
    'resent',
    `account ${account.id}: ${known.length} booked before or in flight, the first is ${first}`,
  );
}

function idsInFlight(sandbox: Sandbox, account: AccountRecord): ReadonlySet<string> {
  const jobId = sandbox.state.openBatchByConnection.get(account.connectionId);
  const work = jobId === undefined ? undefined : sandbox.state.jobs.get(jobId)?.work;
  const isSameAccount = work?.kind === 'transactions' && work.accountId === account.id;
  return new Set(isSameAccount ? work.transactions.map((item) => item.transaction_id) : []);
}

const dayMs = 86_400_000;

/** Rutter's documentation says to start at the chosen date; older transactions are not refused (our assumption). */
function checkStartDate(sandbox: Sandbox, account: AccountRecord, sent: readonly SentTransaction[]): void {
  if (account.transactionStartDate === null) return;
  const startDay = earliestStartDay(account.transactionStartDate);
  const early = sent.filter((item) => dayOf(item.posted_at) < startDay).length;
  if (early > 0) {
    const detail = `account ${account.id}: ${early} before ${account.transactionStartDate}`;
    sandbox.violation('before_start_date', detail);
  }
}

/** A start date of 00:00 UTC means its day. Any other is a moment of an unknown zone, whose day may be the one before. */
function earliestStartDay(startDate: string): string {
  const instantMs = Date.parse(startDate);
  return dayOf(instantMs % dayMs === 0 ? instantMs : instantMs - dayMs);
}

function dayOf(instant: string | number): string {
  return new Date(instant).toISOString().slice(0, 10);
}
