import { accountTextCharactersMax } from './assumptions.js';
import { currencyCodes } from './currency-codes.js';
import { gone, invalidInput, isObject, newId, notSupported, type Answer, type ApiRequest } from './http.js';
import type { Plan, ResponseMode } from './jobs.js';
import { page, readExpand, readForceFetch, readListParameters } from './lists.js';
import { isIsoDate } from '../stand-in/iso-date.js';
import type { AccountFields, AccountRecord, ConnectionRecord } from './records.js';
import { renderAccount } from './render.js';
import { renderConnectionStub } from './render-answer.js';
import type { Route } from './route.js';
import type { Sandbox } from './sandbox.js';

const PATH = '/accounting/bank_feeds/accounts';
/** Rutter knows four types, Sage takes two. */
const sageAccountTypes: readonly unknown[] = ['bank', 'credit_card'];
const textFields = [
  'account_id',
  'internal_bank_account_id',
  'parent_bank_feed_account_id',
  'bank_account_number',
  'routing_number',
  'line_of_business',
  'last_statement_date',
  'next_payment_date',
  'name',
] as const;
const numberFields = [
  'available_balance',
  'current_balance',
  'available_credit',
  'credit_limit',
  'finance_charges',
  'last_statement_balance',
  'minimum_payment_amount',
  'next_payment_amount',
  'past_due_amount',
  'purchases_apr',
] as const;
/** Described for Intuit as dates; ISO 8601 is our assumption. */
const dateFields: readonly string[] = ['last_statement_date', 'next_payment_date'];
/** What the description marks as not yet supported beyond Intuit, though the guide for Sage sends some of them. */
const intuitFields: readonly string[] = [
  ...numberFields,
  ...dateFields,
  'parent_bank_feed_account_id',
  'routing_number',
  'line_of_business',
];
const knownFields: ReadonlySet<string> = new Set([
  ...textFields,
  ...numberFields,
  'bank_account_type',
  'currency_code',
  'transaction_start_date',
  'additional_fields',
]);

export const accountRoutes: readonly Route[] = [
  { method: 'GET', path: PATH, auth: 'connection', answer: listAccounts },
  { method: 'GET', path: `${PATH}/:id`, auth: 'connection', answer: showAccount },
  { method: 'POST', path: PATH, auth: 'connection', plan: planCreateAccount, needsKey: true },
  { method: 'PATCH', path: `${PATH}/:id`, auth: 'connection', plan: refuseUpdate },
  { method: 'DELETE', path: `${PATH}/:id`, auth: 'connection', plan: planDeleteAccount },
];

function listAccounts(sandbox: Sandbox, request: ApiRequest): Answer {
  const connection = connectionOf(request);
  readForceFetch(request.query);
  const parameters = readListParameters(sandbox, request);
  const accounts = sandbox.state.accountsOf(connection.id, sandbox.clock.nowMs());
  const ascending = accounts
    .map((account, order) => ({ account, order, updatedAtMs: account.updatedAtMs }))
    .sort((a, b) => a.updatedAtMs - b.updatedAtMs || a.order - b.order);
  const { items, nextCursor } = page(ascending, parameters);
  return {
    status: 200,
    body: {
      bank_feed_accounts: items.map((item) =>
        renderAccount(item.account, sandbox.knobs, parameters.expandPlatformData),
      ),
      next_cursor: nextCursor,
      connection: renderConnectionStub(sandbox, connection),
    },
  };
}

function showAccount(sandbox: Sandbox, request: ApiRequest): Answer {
  const connection = connectionOf(request);
  readForceFetch(request.query);
  const account = ownAccount(sandbox, connection, request.params['id'] ?? '');
  return {
    status: 200,
    body: {
      bank_feed_account: renderAccount(account, sandbox.knobs, readExpand(request.query.get('expand'))),
      connection: renderConnectionStub(sandbox, connection),
    },
  };
}

function planCreateAccount(sandbox: Sandbox, request: ApiRequest): Plan {
  const connection = connectionOf(request);
  const body = request.json;
  if (!isObject(body) || !isObject(body['bank_feed_account']))
    throw invalidInput('bank_feed_account is required');
  const sent = body['bank_feed_account'];
  const unknown = Object.keys(sent).filter((name) => !knownFields.has(name));
  if (unknown.length > 0) {
    sandbox.violation('unknown_account_field', `POST accounts: ${unknown.join(', ')}`);
    if (sandbox.knobs.unknownFieldsRefused) throw invalidInput(`unknown fields: ${unknown.join(', ')}`);
  }
  const unsupported = intuitFields.find((name) => sent[name] !== undefined && sent[name] !== null);
  if (sandbox.knobs.accountFactsRefused && unsupported !== undefined) {
    throw invalidInput(`${unsupported} is not yet supported for this platform`);
  }
  const nowMs = sandbox.clock.nowMs();
  const account: AccountRecord = {
    id: newId(),
    connectionId: connection.id,
    fields: readFields(sent),
    feedStatus: 'inactive',
    transactionReady: false,
    transactionStartDate: readStartDate(sent['transaction_start_date']),
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    deleted: false,
    pending: null,
  };
  noteSameInternalId(sandbox, account);
  return {
    work: { kind: 'create_account', account },
    runMs: sandbox.knobs.accountJobRunMs ?? sandbox.knobs.jobRunMs,
    responseMode: readResponseMode(body),
  };
}

/** Fields that Sage does not support are accepted and echoed (our assumption, after the guide's own example). */
function readFields(sent: Record<string, unknown>): AccountFields {
  const fields: AccountFields = {};
  if (!sageAccountTypes.includes(sent['bank_account_type'])) {
    throw invalidInput('bank_account_type must be bank or credit_card on this platform');
  }
  if (typeof sent['currency_code'] !== 'string' || !currencyCodes.has(sent['currency_code'])) {
    throw invalidInput('currency_code must be one of the listed currencies');
  }
  if (typeof sent['name'] !== 'string' || sent['name'] === '')
    throw invalidInput('name needs 1 character or more');
  fields['bank_account_type'] = sent['bank_account_type'] as string;
  fields['currency_code'] = sent['currency_code'];
  for (const name of textFields) {
    const value = sent[name];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string' || value.length > accountTextCharactersMax) {
      throw invalidInput(`${name} must be text of at most ${accountTextCharactersMax} characters`);
    }
    if (dateFields.includes(name) && !isIsoDate(value)) throw invalidInput(`${name} must be ISO 8601`);
    fields[name] = value;
  }
  for (const name of numberFields) {
    const value = sent[name];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'number') throw invalidInput(`${name} must be a number`);
    fields[name] = value;
  }
  return fields;
}

function readStartDate(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string' || !isIsoDate(value))
    throw invalidInput('transaction_start_date must be ISO 8601');
  return value;
}

/** Nothing declares the id unique, so a second account is made (our assumption); worth a check all the same. */
function noteSameInternalId(sandbox: Sandbox, account: AccountRecord): void {
  const id = account.fields['internal_bank_account_id'];
  if (id === undefined) return;
  const others = sandbox.state.accountsOf(account.connectionId, sandbox.clock.nowMs());
  if (others.some((other) => other.fields['internal_bank_account_id'] === id)) {
    sandbox.note(
      'account_created_twice',
      `internal_bank_account_id ${String(id)} is on this connection already`,
    );
  }
}

function refuseUpdate(): Plan {
  throw notSupported('updating a bank feed account is not supported for this platform');
}

function planDeleteAccount(sandbox: Sandbox, request: ApiRequest): Plan {
  if (!sandbox.knobs.deleteAccounts) {
    throw notSupported('deleting a bank feed account is not supported for this platform');
  }
  const accountId = request.params['id'] ?? '';
  const account = sandbox.state.accounts.get(accountId);
  if (account === undefined || account.connectionId !== connectionOf(request).id) throw gone('the account');
  const work = account.deleted
    ? ({ kind: 'nothing', body: { code: 'not_found', success: true } } as const)
    : ({ kind: 'delete_account', accountId } as const);
  return { work, runMs: 0, responseMode: 'prefer_sync' };
}

/** @throws ApiError 410 when this connection has no such account. */
export function ownAccount(sandbox: Sandbox, connection: ConnectionRecord, id: string): AccountRecord {
  const account = sandbox.state.account(id, sandbox.clock.nowMs());
  if (account === undefined || account.connectionId !== connection.id) throw gone('the bank feed account');
  return account;
}

/** @throws ApiError 400 for an unknown mode; `prefer_sync` is the documented default. */
export function readResponseMode(body: Record<string, unknown>): ResponseMode {
  const mode = body['response_mode'] ?? 'prefer_sync';
  if (mode !== 'async' && mode !== 'prefer_sync')
    throw invalidInput('response_mode must be async or prefer_sync');
  return mode;
}

export function connectionOf(request: ApiRequest): ConnectionRecord {
  if (request.connection === undefined) throw new Error('this route needs a connection');
  return request.connection;
}
