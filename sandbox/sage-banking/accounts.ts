import { readAccountInput, readFeatures, readStartDate, refuseTaken } from './account-input.js';
import { accountTypesDefault } from './assumptions.js';
import { findBank } from './banks.js';
import { Fields } from './fields.js';
import { conflict, invalid, isObject, newId, notFound, type Answer, type ApiRequest } from './http.js';
import { notification } from './notifications.js';
import type { AccountRecord } from './records.js';
import { renderAccount } from './render.js';
import { ACCOUNT, COMPANY, type Route } from './route.js';
import type { Sandbox } from './sandbox.js';
import type { Change } from './state.js';

const ACCOUNTS = `${COMPANY}/bankaccounts`;
const changeable = ['accountName', 'featureOptions', 'featureObject'];

export const accountRoutes: readonly Route[] = [
  { method: 'POST', path: ACCOUNTS, access: 'company', counter: 'account_posts', answer: createAccount },
  { method: 'GET', path: ACCOUNTS, access: 'company', counter: 'account_reads', answer: listAccounts },
  { method: 'GET', path: ACCOUNT, access: 'account', counter: 'account_reads', answer: showAccount },
  { method: 'PATCH', path: ACCOUNT, access: 'account', answer: changeAccount },
  { method: 'DELETE', path: ACCOUNT, access: 'account', answer: disconnect },
  { method: 'GET', path: `${COMPANY}/availablebankaccounts`, access: 'company', answer: listAvailable },
  { method: 'POST', path: `${COMPANY}/linkavailablebankaccount`, access: 'company', answer: linkAvailable },
];

/** The account that a route of access `account` is about. */
export function accountOf({ account }: ApiRequest): AccountRecord {
  if (account === null) throw new Error('the route does not require an account');
  return account;
}

/** @throws ApiError 409: every write but DELETE on a cancelled account (assumed, contract 6.5) */
export function refuseCancelled(account: AccountRecord): void {
  if (account.status === 'cancelled') throw conflict('the bank account is cancelled, for good');
}

function createAccount(sandbox: Sandbox, request: ApiRequest): Answer {
  const companyId = request.company?.id ?? '';
  const bankId = isObject(request.json) ? request.json['bankId'] : undefined;
  if (typeof bankId !== 'string') throw invalid({ field: 'bankId', reason: 'is required' });
  const bank = findBank(sandbox, bankId);
  const { link, ...input } = readAccountInput(sandbox, companyId, bank, request.json);
  const account = newAccount(sandbox, { ...input, companyId, bankId, dataProvider: bank.dataProvider });
  const usedAtMs = sandbox.clock.nowMs();
  const used: Change[] = link === null ? [] : [{ put: 'link', record: { ...link, usedAtMs } }];
  sandbox.commit({ put: 'account', record: account }, ...used, createdNotice(sandbox, account));
  return { status: 201, body: renderAccount(sandbox, account) };
}

type NewAccount = Pick<
  AccountRecord,
  | 'companyId'
  | 'bankId'
  | 'dataProvider'
  | 'accountName'
  | 'accountIdentifier'
  | 'bankIdentifier'
  | 'branchIdentifier'
  | 'accountType'
  | 'defaultCurrency'
  | 'requestedStartDate'
  | 'externalId'
  | 'features'
>;

function newAccount(sandbox: Sandbox, input: NewAccount): AccountRecord {
  const nowMs = sandbox.clock.nowMs();
  return {
    ...input,
    id: newId(),
    status: 'pending',
    statusChangedAtMs: null,
    balances: {
      ledgerBalance: null,
      ledgerBalanceDate: null,
      availableBalance: null,
      availableBalanceDate: null,
    },
    lastTransactionId: 0,
    createdAtMs: nowMs,
    modifiedAtMs: nowMs,
    candidatesDueMs: null,
  };
}

function createdNotice(sandbox: Sandbox, account: AccountRecord): Change {
  const { externalId, requestedStartDate, bankId } = account;
  const data = { externalId, requestedStartDate, bankId };
  return notification(sandbox, 'resourceCreated', 'bankAccount', account.id, data);
}

/** Assumed: cancelled ones are included only on request (contract 6.1). */
function listAccounts(sandbox: Sandbox, request: ApiRequest): Answer {
  const withCancelled = request.query.get('includecancelled') === 'true';
  const accounts = sandbox.state.all('account').filter((account) => {
    return account.companyId === request.company?.id && (withCancelled || account.status !== 'cancelled');
  });
  return { status: 200, body: { bankAccounts: accounts.map((account) => renderAccount(sandbox, account)) } };
}

function showAccount(sandbox: Sandbox, request: ApiRequest): Answer {
  return { status: 200, body: renderAccount(sandbox, accountOf(request)) };
}

/** Assumed: only the name and the switches may change (contract 6.1). */
function changeAccount(sandbox: Sandbox, request: ApiRequest): Answer {
  const account = accountOf(request);
  refuseCancelled(account);
  const fields = new Fields(request.json);
  for (const name of Object.keys(request.json as object)) {
    if (!changeable.includes(name)) fields.fault(name, 'cannot be changed');
  }
  const accountName =
    fields.value('accountName') === undefined ? account.accountName : fields.text('accountName');
  const features = readFeatures(fields) ?? account.features;
  fields.check();
  const record = { ...account, accountName, features, modifiedAtMs: sandbox.clock.nowMs() };
  sandbox.commit({ put: 'account', record });
  return { status: 200, body: renderAccount(sandbox, record) };
}

/** Cancels the account for good, disconnects its rules, deletes its transactions and notifies the provider (contract 6.5). */
function disconnect(sandbox: Sandbox, request: ApiRequest): Answer {
  const account = accountOf(request);
  if (account.status === 'cancelled') return { status: 204 };
  const nowMs = sandbox.clock.nowMs();
  const { externalId, bankId } = account;
  const rules = sandbox.state.rulesOf(account.id).map((rule): Change => ({
    put: 'rule',
    record: { ...rule, status: 'disconnected', modifiedAtMs: nowMs },
  }));
  sandbox.commit(
    {
      put: 'account',
      record: { ...account, status: 'cancelled', statusChangedAtMs: nowMs, modifiedAtMs: nowMs },
    },
    ...rules,
    { drop: 'transactions', accountId: account.id },
    notification(sandbox, 'resourceDeleted', 'bankAccount', account.id, { externalId, bankId }),
  );
  return { status: 204 };
}

/** The first request starts a refresh at the provider and answers an empty list (contract 6.6). */
function listAvailable(sandbox: Sandbox, request: ApiRequest): Answer {
  const id = request.query.get('bankaccountids') ?? '';
  const account = sandbox.state.get('account', id);
  if (account === undefined || account.companyId !== request.company?.id)
    throw notFound(`bank account ${id}`);
  const nowMs = sandbox.clock.nowMs();
  if (account.candidatesDueMs === null) {
    const candidatesDueMs = nowMs + sandbox.knobs.candidatesRefreshMs;
    sandbox.commit({ put: 'account', record: { ...account, candidatesDueMs } });
    return { status: 200, body: { availableAccounts: [] } };
  }
  const known = account.candidatesDueMs > nowMs ? [] : sandbox.state.all('candidate');
  const candidates = known.filter(
    (candidate) =>
      candidate.companyId === account.companyId &&
      candidate.account.bankIdentifier === account.bankIdentifier,
  );
  const availableAccounts = candidates.map((candidate) => ({
    bankAccountCandidateId: candidate.id,
    metadata: { connected: isConnected(sandbox, candidate) },
  }));
  return { status: 200, body: { availableAccounts } };
}

function isConnected(
  sandbox: Sandbox,
  candidate: { companyId: string; account: { bankIdentifier: string; accountIdentifier: string } },
): boolean {
  return sandbox.state
    .all('account')
    .some(
      (other) =>
        other.companyId === candidate.companyId &&
        other.status !== 'cancelled' &&
        other.bankIdentifier === candidate.account.bankIdentifier &&
        other.accountIdentifier === candidate.account.accountIdentifier,
    );
}

function linkAvailable(sandbox: Sandbox, request: ApiRequest): Answer {
  const fields = new Fields(request.json);
  const id = fields.text('bankAccountCandidateId');
  const requestedStartDate = readStartDate(sandbox, fields);
  fields.check();
  const candidate = sandbox.state.get('candidate', id);
  if (candidate === undefined || candidate.companyId !== request.company?.id)
    throw notFound(`candidate ${id}`);
  const bank = findBank(sandbox, candidate.bankId);
  refuseTaken(sandbox, candidate.companyId, bank, candidate.account);
  const { accountKey: _accountKey, ...linked } = candidate.account;
  const account = newAccount(sandbox, {
    ...linked,
    companyId: candidate.companyId,
    bankId: bank.id,
    dataProvider: bank.dataProvider,
    accountType: bank.accountTypes[0] ?? accountTypesDefault[0] ?? '',
    defaultCurrency: 'GBP',
    requestedStartDate,
    features: null,
  });
  sandbox.commit({ put: 'account', record: account }, createdNotice(sandbox, account));
  return { status: 201, body: renderAccount(sandbox, account) };
}
