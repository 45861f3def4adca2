import { statementSpanMs } from './assumptions.js';
import { jsonText } from '../stand-in/json-text.js';
import { compareDecimals, decimalOf, digitsAt, type Decimal } from './decimal.js';
import { dateMs } from './fields.js';
import { isObject, newId, sha256, type Fault } from './http.js';
import { narrativeOf } from './narrative.js';
import { predictByRules } from './predictions.js';
import type { AccountRecord, AccountStatus, StatementRecord, TransactionBody } from './records.js';
import type { Sandbox } from './sandbox.js';
import type { Change } from './state.js';
import { detailsOf, type StatementTransaction } from './statement-input.js';

/** All or nothing: one invalid transaction fails the whole statement, and the error lists the ids (contract 12.4). */
export function processStatement(sandbox: Sandbox, statement: StatementRecord): void {
  const account = sandbox.state.get('account', statement.accountId);
  if (account === undefined) return;
  const transactions = detailsOf(statement.data);
  const problems =
    account.status === 'cancelled'
      ? [{ field: 'principalId', reason: 'the account is cancelled' }]
      : problemsOf(sandbox, statement, transactions);
  if (problems.length > 0) {
    const error = { code: 'statementRefused', message: 'the statement was refused whole', details: problems };
    sandbox.commit({ put: 'statement', record: { ...statement, data: {}, state: 'failed', error } });
    return;
  }
  const bodies = toBodies(sandbox, account, transactions);
  const stored = bodies.map((body): Change => ({
    put: 'transaction',
    record: { accountId: account.id, body },
  }));
  sandbox.commit(
    // Its lines are stored as transactions; a second copy would double the memory of a long history.
    { put: 'statement', record: { ...statement, data: {}, state: 'completed' } },
    { put: 'account', record: accountAfter(account, statement, bodies) },
    ...stored,
  );
}

function problemsOf(
  sandbox: Sandbox,
  statement: StatementRecord,
  transactions: readonly StatementTransaction[],
): Fault[] {
  const { accountId, data } = statement;
  const seen = new Set<string>();
  const problems: Fault[] = [];
  let newestMs = -Infinity;
  for (const { uniqueId, datePosted } of transactions) {
    const postedMs = dateMs(datePosted);
    if (seen.has(uniqueId) || sandbox.state.transactions.has(accountId, uniqueId)) {
      problems.push({ field: uniqueId, reason: 'was sent before' });
    }
    if (postedMs < newestMs) problems.push({ field: uniqueId, reason: 'is out of order' });
    newestMs = Math.max(newestMs, postedMs);
    seen.add(uniqueId);
  }
  for (const { uniqueId, datePosted } of transactions) {
    if (newestMs - dateMs(datePosted) > statementSpanMs) {
      problems.push({ field: uniqueId, reason: 'is more than two weeks older than the newest' });
    }
  }
  return [...problems, ...expectationProblems(data, transactions)];
}

function expectationProblems(
  data: Record<string, unknown>,
  transactions: readonly StatementTransaction[],
): Fault[] {
  const expected = isObject(data['expected']) ? data['expected'] : {};
  const amounts = transactions.map((transaction) => transaction.transactionAmount);
  const found: Record<string, Decimal> = {
    transactionDetailsCount: decimalOf(transactions.length),
    accountDetailsCount: decimalOf(1),
    transactionCreditSum: sumOf(amounts.filter((amount) => amount >= 0)),
    transactionDebitSum: sumOf(amounts.filter((amount) => amount < 0)),
  };
  return Object.entries(found).flatMap(([name, sum]) => {
    const value = expected[name];
    if (value === undefined) return [];
    const agrees = typeof value === 'number' && compareDecimals(decimalOf(value), sum) === 0;
    return agrees ? [] : [{ field: `expected.${name}`, reason: 'does not agree with the statement' }];
  });
}

function sumOf(amounts: readonly number[]): Decimal {
  return amounts.map(decimalOf).reduce(
    (sum, amount) => {
      const scale = Math.max(sum.scale, amount.scale);
      return { digits: digitsAt(sum, scale) + digitsAt(amount, scale), scale };
    },
    { digits: 0n, scale: 0 },
  );
}

/** The consumer's view (mapping assumed, contract 12.4), with rules applied at the end of the sync (9.1). */
function toBodies(
  sandbox: Sandbox,
  account: AccountRecord,
  transactions: readonly StatementTransaction[],
): TransactionBody[] {
  const rules = sandbox.state.rulesOf(account.id);
  let lastId = account.lastTransactionId;
  return transactions.map((sent) => {
    lastId = nextId(sandbox, lastId);
    const { uniqueId, description, checkNumber, payee, bankAccountId: _bankAccountId, ...same } = sent;
    const { payeeDescription, ...payeeRest } = isObject(payee) ? payee : {};
    const copied: Record<string, unknown> = {
      ...same,
      ...(description === undefined ? {} : { name: description }),
      ...(checkNumber === undefined ? {} : { checkNum: checkNumber }),
      ...(payee === undefined
        ? {}
        : {
            payee: payeeDescription === undefined ? payeeRest : { ...payeeRest, payeeId: payeeDescription },
          }),
    };
    const body: TransactionBody = {
      ...copied,
      transactionId: lastId,
      serverTransactionId: uniqueId,
      transactionHash: sha256(jsonText(sent)),
      transactionAmount: sent.transactionAmount,
      transactionType: sent.transactionType,
      datePosted: sent.datePosted,
      transactionStatus: 'posted',
      currency: typeof sent['currency'] === 'string' ? sent['currency'] : account.defaultCurrency,
      transactionNarrative: narrativeOf(copied),
      heldTransaction: false,
      accountsPostings: [],
      providerAdditionalFields: [],
      feedSource: 'auto',
      predictedActions: [],
    };
    return { ...body, predictedActions: predictByRules(rules, body) };
  });
}

/** Documented: ids have gaps. Every n-th is left out. */
function nextId({ knobs }: Sandbox, lastId: number): number {
  const id = lastId + 1;
  return knobs.idGapEvery > 1 && id % knobs.idGapEvery === 0 ? id + 1 : id;
}

function accountAfter(
  account: AccountRecord,
  statement: StatementRecord,
  bodies: readonly TransactionBody[],
): AccountRecord {
  const [details] = statement.data['accountDetails'] as Record<string, unknown>[];
  const status = statusAfter(account.status, details?.['status'], bodies.length);
  const given = isObject(details?.['balances']) ? details['balances'] : {};
  return {
    ...account,
    status,
    statusChangedAtMs: status === account.status ? account.statusChangedAtMs : statement.dueMs,
    balances: { ...account.balances, ...given },
    lastTransactionId: bodies.at(-1)?.transactionId ?? account.lastTransactionId,
    modifiedAtMs: statement.dueMs,
  };
}

/** A statement may move the status without a transaction (contract 6.4). Assumed: the status it names counts. */
function statusAfter(status: AccountStatus, posted: unknown, transactionCount: number): AccountStatus {
  if (posted === 'active' || posted === 'authRequired') return posted;
  return status === 'pending' && transactionCount > 0 ? 'active' : status;
}

/** Ready to be committed. */
export function newStatement(
  sandbox: Sandbox,
  accountId: string,
  data: Record<string, unknown>,
): StatementRecord {
  const acceptedAtMs = sandbox.clock.nowMs();
  const dueMs = acceptedAtMs + sandbox.knobs.statementRunMs;
  return { id: newId(), accountId, data, acceptedAtMs, dueMs, state: 'waiting', error: null };
}
