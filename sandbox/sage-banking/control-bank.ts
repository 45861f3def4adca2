import {
  ControlError,
  integerOf,
  textOf,
  type ControlAction,
  type ControlRequest,
} from '../stand-in/control.js';
import { PREDICTION } from './assumptions.js';
import { isObject, newId } from './http.js';
import { grantLink, grantReauthorisation, openLink, refuseLink } from './links.js';
import type { AccountRecord, BankCustomerAccount, StatementRecord } from './records.js';
import { renderAccount, renderRule } from './render.js';
import { iso, type Sandbox } from './sandbox.js';
import { applyDueChanges } from './apply-due-changes.js';
import { newStatement } from './statements.js';
import { readStatement } from './statement-input.js';

/** What happens at the bank: customers, logins, statements. */
export const bankActions: readonly ControlAction<Sandbox>[] = [
  { method: 'POST', path: '/bank-customers', run: addCustomer },
  { method: 'GET', path: '/links', run: listLinks },
  { method: 'POST', path: '/links/:id/finish', run: finishLink },
  { method: 'GET', path: '/accounts', run: listAccounts },
  { method: 'GET', path: '/accounts/:id', run: showAccount },
  { method: 'POST', path: '/accounts/:id/transactions', run: postTransactions },
  { method: 'POST', path: '/accounts/:id/predictions', run: addPrediction },
  { method: 'POST', path: '/statements', run: (sandbox, { body }) => postStatement(sandbox, body) },
  { method: 'GET', path: '/statements/:id', run: showStatement },
];

/** Somebody with a login at an indirect bank. */
function addCustomer(sandbox: Sandbox, { body }: ControlRequest): unknown {
  const bankId = textOf(body['bank_id'], 'bank_id');
  if (sandbox.state.get('bank', bankId)?.dataProvider !== 'indirect') {
    throw new ControlError(400, 'bank_id must be of an indirect bank');
  }
  const list: unknown = body['accounts'];
  if (!Array.isArray(list) || !list.every(isObject)) throw new ControlError(400, 'accounts must be a list');
  const accounts = list.map((item): BankCustomerAccount => ({
    externalId: newId(),
    name: textOf(item['name'], 'name'),
    accountIdentifier: textOf(item['account_identifier'], 'account_identifier'),
    branchIdentifier: textOf(item['branch_identifier'], 'branch_identifier', '20-30-40'),
  }));
  const username = textOf(body['username'], 'username');
  const password = textOf(body['password'], 'password');
  const record = { id: newId(), bankId, username, password, accounts };
  sandbox.commit({ put: 'bankCustomer', record });
  return { id: record.id, accounts };
}

function listLinks(sandbox: Sandbox): unknown {
  return { links: sandbox.state.all('link') };
}

/** What the user does at the bank, without the pages: `{success: false}` or `{account?: name}`. */
function finishLink(sandbox: Sandbox, { params, body }: ControlRequest): unknown {
  const link = openLink(sandbox, params['id'] ?? '');
  if (body['success'] === false) refuseLink(sandbox, link);
  else if (link.kind === 'reauthorisation') grantReauthorisation(sandbox, link);
  else {
    const username = textOf(body['username'], 'username', 'demo');
    const customer = sandbox.state
      .all('bankCustomer')
      .find((other) => other.bankId === link.bankId && other.username === username);
    if (customer === undefined) throw new ControlError(404, `that bank has no customer ${username}`);
    const wanted = textOf(body['account'], 'account', customer.accounts[0]?.name);
    const account = customer.accounts.find((other) => other.name === wanted);
    if (account === undefined) throw new ControlError(404, `no account ${wanted}`);
    grantLink(sandbox, link, customer, account.externalId);
  }
  return sandbox.state.get('link', link.id);
}

function listAccounts(sandbox: Sandbox): unknown {
  applyDueChanges(sandbox);
  return { accounts: sandbox.state.all('account').map((account) => accountView(sandbox, account)) };
}

function showAccount(sandbox: Sandbox, { params }: ControlRequest): unknown {
  applyDueChanges(sandbox);
  const account = findAccount(sandbox, params['id'] ?? '');
  return {
    ...accountView(sandbox, account),
    rules: sandbox.state.rulesOf(account.id).map((rule) => renderRule(sandbox, rule)),
    transactions: sandbox.state.transactions.list(account.id),
  };
}

function accountView(sandbox: Sandbox, account: AccountRecord): Record<string, unknown> {
  const count = sandbox.state.transactions.list(account.id).length;
  return { ...renderAccount(sandbox, account), companyId: account.companyId, transactionCount: count };
}

function findAccount(sandbox: Sandbox, id: string): AccountRecord {
  const account = sandbox.state.get('account', id);
  if (account === undefined) throw new ControlError(404, `no account ${id}`);
  return account;
}

/** A statement in short: `{transactions: [{transactionAmount, …}], status?, balance? | balances?}`; the rest is made up. */
function postTransactions(sandbox: Sandbox, { params, body }: ControlRequest): unknown {
  const account = findAccount(sandbox, params['id'] ?? '');
  const list: unknown = body['transactions'] ?? [];
  if (!Array.isArray(list) || !list.every(isObject))
    throw new ControlError(400, 'transactions must be a list');
  const transactionDetails = list.map((item) => ({
    uniqueId: newId(),
    transactionType: Number(item['transactionAmount']) < 0 ? 'DEBIT' : 'CREDIT',
    datePosted: iso(sandbox.clock.nowMs()),
    ...item,
  }));
  const status = body['status'] === undefined ? {} : { status: body['status'] };
  const balances =
    body['balances'] ?? (body['balance'] === undefined ? undefined : { ledgerBalance: body['balance'] });
  const balance = balances === undefined ? {} : { balances };
  return postStatement(sandbox, {
    principalId: account.id,
    bankId: account.bankId,
    expected: {},
    accountDetails: [{ bankAccountId: account.id, ...status, ...balance }],
    transactionDetails,
  });
}

/** The provider's statement, as `data` of the Provider API has it (contract 12.4). */
function postStatement(sandbox: Sandbox, data: Record<string, unknown>): unknown {
  applyDueChanges(sandbox);
  const { accountId } = readStatement(sandbox, data);
  const statement = newStatement(sandbox, accountId, data);
  sandbox.commit({ put: 'statement', record: statement });
  applyDueChanges(sandbox);
  return statementView(sandbox.state.get('statement', statement.id) ?? statement, sandbox);
}

function showStatement(sandbox: Sandbox, { params }: ControlRequest): unknown {
  applyDueChanges(sandbox);
  const statement = sandbox.state.get('statement', params['id'] ?? '');
  if (statement === undefined) throw new ControlError(404, 'no such statement');
  return statementView(statement, sandbox);
}

/** `queued`, then `processing`: half and half (assumed, contract 12.2). */
function statementView(statement: StatementRecord, { clock }: Sandbox): unknown {
  const halfMs = (statement.acceptedAtMs + statement.dueMs) / 2;
  const waiting = clock.nowMs() < halfMs ? 'queued' : 'processing';
  return {
    _id: statement.id,
    status: statement.state === 'waiting' ? waiting : statement.state,
    error: statement.error,
  };
}

/** Adds a prediction of auto categorisation, which reprocessing does not change (contract 10). */
function addPrediction(sandbox: Sandbox, { params, body }: ControlRequest): unknown {
  const account = findAccount(sandbox, params['id'] ?? '');
  const id = integerOf(body['transaction_id'], 'transaction_id');
  const transaction = sandbox.state.transactions.get(account.id, id);
  if (transaction === undefined) throw new ControlError(404, `no transaction ${id}`);
  const prediction = {
    predictedId: newId(),
    score: 80,
    source: PREDICTION.aiSource,
    rules: [],
    actions: { showToUser: true, accountsPostings: [] },
  };
  const changed = { ...transaction, predictedActions: [...transaction.predictedActions, prediction] };
  sandbox.commit({ put: 'transaction', record: { accountId: account.id, body: changed } });
  return prediction;
}
