import { Fields, isDateText } from './fields.js';
import { conflict, isObject, notFound } from './http.js';
import type { Sandbox } from './sandbox.js';

/** A line of a statement; further members are carried along. */
export interface StatementTransaction extends Record<string, unknown> {
  uniqueId: string;
  transactionAmount: number;
  transactionType: string;
  datePosted: string;
}

/** The lines of a statement that readStatement() has accepted. */
export function detailsOf(data: Record<string, unknown>): StatementTransaction[] {
  return (data['transactionDetails'] ?? []) as StatementTransaction[];
}

/** What is checked at once; the rest when it is worked on (contract 12.4). @throws ApiError 400, 404, 409 */
export function readStatement(sandbox: Sandbox, data: Record<string, unknown>): { accountId: string } {
  const fields = new Fields(data);
  const accountId = fields.text('principalId');
  const accountDetails: unknown = data['accountDetails'];
  const [details] = Array.isArray(accountDetails) ? (accountDetails as unknown[]) : [];
  if (!Array.isArray(accountDetails) || accountDetails.length !== 1 || !isObject(details)) {
    fields.fault('accountDetails', 'must be a list of exactly one object');
  } else if (![undefined, 'active', 'authRequired'].includes(details['status'] as string | undefined)) {
    fields.fault('accountDetails[0].status', 'must be active or authRequired');
  } else readBalances(fields, details['balances']);
  readLines(sandbox, fields, data['transactionDetails'] ?? []);
  fields.check();
  const account = sandbox.state.get('account', accountId);
  if (account === undefined) throw notFound(`bank account ${accountId}`);
  if (account.status === 'cancelled') throw conflict('the bank account is cancelled');
  const isBusy = sandbox.state
    .all('statement')
    .some((statement) => statement.accountId === accountId && statement.state === 'waiting');
  if (isBusy) throw conflict('another statement of this account is in flight');
  return { accountId };
}

const BALANCES = ['ledgerBalance', 'availableBalance'];

/** Optional; each a number or null, with its date (contract 12.4). */
function readBalances(fields: Fields, balances: unknown): void {
  if (balances === undefined) return;
  const at = 'accountDetails[0].balances';
  if (!isObject(balances)) return fields.fault(at, 'must be an object');
  for (const [name, value] of Object.entries(balances)) {
    if (BALANCES.includes(name)) {
      if (value !== null && !Number.isFinite(value)) fields.fault(`${at}.${name}`, 'must be a number');
    } else if (BALANCES.some((balance) => name === `${balance}Date`)) {
      const isDate = typeof value === 'string' && isDateText(value);
      if (value !== null && !isDate) fields.fault(`${at}.${name}`, 'must be an ISO 8601 date');
    } else fields.fault(`${at}.${name}`, 'is no balance');
  }
}

function readLines(sandbox: Sandbox, fields: Fields, list: unknown): void {
  const most = sandbox.knobs.statementTransactionsMax;
  if (!Array.isArray(list) || list.length > most || !list.every(isObject)) {
    return fields.fault('transactionDetails', `must be a list of at most ${most} objects`);
  }
  for (const [index, item] of list.entries()) {
    const line = new Fields(item, `transactionDetails[${index}].`);
    line.text('uniqueId');
    line.date('datePosted');
    if (!Number.isFinite(item['transactionAmount'])) line.fault('transactionAmount', 'must be a number');
    if (!/^[A-Z]+$/.test(line.text('transactionType')))
      line.fault('transactionType', 'must be in upper case');
    const status = item['transactionStatus'] ?? 'posted';
    if (status !== 'posted')
      line.fault('transactionStatus', 'must be posted: only cleared ones are delivered');
    fields.faults.push(...line.faults);
  }
}
