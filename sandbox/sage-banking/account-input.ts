import { accountTypesDefault, directPairFreedByCancel } from './assumptions.js';
import { dateMs, Fields } from './fields.js';
import { conflict, invalid, isObject } from './http.js';
import type { AccountRecord, BankRecord, LinkedAccount, LinkRecord } from './records.js';
import type { Sandbox } from './sandbox.js';

/** Sent by a product whose link result had no accountKey (contract 5.2). */
const accountKeyFallback = '1';
const CURRENCY = /^[A-Z]{3}$/;
const currencyDefault = 'GBP';

export interface AccountInput {
  accountName: string;
  accountIdentifier: string;
  bankIdentifier: string;
  branchIdentifier: string | null;
  accountType: string;
  defaultCurrency: string;
  requestedStartDate: string;
  externalId: string | null;
  features: AccountRecord['features'];
  /** The link result that this uses up; null for a direct account. */
  link: LinkRecord | null;
}

/** Reads and validates the body of POST bankaccounts (contract 6.2). @throws ApiError 400, 409 */
export function readAccountInput(
  sandbox: Sandbox,
  companyId: string,
  bank: BankRecord,
  body: unknown,
): AccountInput {
  const fields = new Fields(body);
  const isDirect = bank.dataProvider === 'direct';
  const common = {
    accountName: fields.text('accountName'),
    accountIdentifier: fields.text('accountIdentifier'),
    branchIdentifier: fields.optionalText('branchIdentifier'),
    accountType: readType(fields, bank),
    defaultCurrency: readCurrency(fields),
    requestedStartDate: readStartDate(sandbox, fields),
    features: readFeatures(fields),
  };
  const bankIdentifier = isDirect ? fields.text('bankIdentifier') : fields.optionalText('bankIdentifier');
  const accountKey = isDirect ? null : (fields.optionalText('accountKey') ?? accountKeyFallback);
  fields.check();
  if (isDirect) {
    const input = { ...common, bankIdentifier: bankIdentifier ?? '', externalId: null, link: null };
    refuseTaken(sandbox, companyId, bank, input);
    return input;
  }
  return indirectInput(sandbox, companyId, bank, { ...common, bankIdentifier, accountKey: accountKey ?? '' });
}

/** An indirect account is what a link of this company yielded, and each result serves once (assumed, contract 6.2). */
function indirectInput(
  sandbox: Sandbox,
  companyId: string,
  bank: BankRecord,
  sent: Omit<AccountInput, 'link' | 'externalId' | 'bankIdentifier'> & {
    bankIdentifier: string | null;
    accountKey: string;
  },
): AccountInput {
  const { accountKey: _accountKey, ...rest } = sent;
  const results = sandbox.state
    .all('link')
    .filter((link) => link.kind === 'link' && link.companyId === companyId && link.bankId === bank.id)
    .filter((link) => link.state === 'linked' && link.account !== null && fits(link.account, sent));
  const link = results.find((result) => result.usedAtMs === null) ?? results.at(-1);
  if (link?.account == null) {
    throw invalid({
      field: 'accountKey',
      reason: 'with accountName and accountIdentifier is no result of a link',
    });
  }
  const { bankIdentifier, externalId } = link.account;
  const input = { ...rest, bankIdentifier, externalId, link };
  refuseTaken(sandbox, companyId, bank, input);
  if (link.usedAtMs !== null)
    throw invalid({ field: 'accountKey', reason: 'is of a link that has been used' });
  return input;
}

function fits(
  account: LinkedAccount,
  sent: { accountName: string; accountIdentifier: string; accountKey: string; bankIdentifier: string | null },
): boolean {
  const sameKey = sent.accountKey === accountKeyFallback || sent.accountKey === account.accountKey;
  const sameBank = sent.bankIdentifier === null || sent.bankIdentifier === account.bankIdentifier;
  const sameAccount =
    sent.accountName === account.accountName && sent.accountIdentifier === account.accountIdentifier;
  return sameKey && sameBank && sameAccount;
}

/** @throws ApiError 409: a direct pair is kept once in the service, an indirect one once in the company */
export function refuseTaken(
  sandbox: Sandbox,
  companyId: string,
  bank: BankRecord,
  pair: { bankIdentifier: string; accountIdentifier: string },
): void {
  const isTaken = sandbox.state.all('account').some((other) => {
    if (other.bankId !== bank.id || other.bankIdentifier !== pair.bankIdentifier) return false;
    if (other.accountIdentifier !== pair.accountIdentifier) return false;
    const isFreed = other.status === 'cancelled';
    if (bank.dataProvider === 'direct') return !isFreed || !directPairFreedByCancel;
    return other.companyId === companyId && !isFreed;
  });
  if (isTaken) throw conflict('this account is known already');
}

function readType(fields: Fields, bank: BankRecord): string {
  const types = bank.accountTypes.length === 0 ? accountTypesDefault : bank.accountTypes;
  const type = fields.text('accountType');
  if (type !== '' && !types.includes(type)) fields.fault('accountType', `must be one of ${types.join(', ')}`);
  return type;
}

function readCurrency(fields: Fields): string {
  const currency = fields.optionalText('defaultCurrency') ?? currencyDefault;
  if (!CURRENCY.test(currency)) fields.fault('defaultCurrency', 'must be an ISO 4217 code');
  return currency;
}

/** Required by the flow; a future one is refused (assumed, contract 6.2). */
export function readStartDate(sandbox: Sandbox, fields: Fields): string {
  const date = fields.date('requestedStartDate');
  if (date !== '' && dateMs(date) > sandbox.clock.nowMs()) {
    fields.fault('requestedStartDate', 'must not be in the future');
  }
  return date;
}

/** Two names in the sources; kept and shown under the one that was sent. */
export function readFeatures(fields: Fields): AccountRecord['features'] {
  for (const name of ['featureOptions', 'featureObject'] as const) {
    const value = fields.value(name);
    if (value === undefined) continue;
    if (!isObject(value)) fields.fault(name, 'must be an object');
    return { name, value };
  }
  return null;
}
