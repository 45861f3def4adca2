import { factsInBody, serializeAccount, type NewAccountFacts } from '../../../clients/rutter/new-account.js';
import { open, seal, type SealContext } from '../../../crypto/seal.js';
import type { AccountToCreate, PreparedBody } from '../../../db/rutter/publish-keys.js';
import type { RutterDeps } from '../deps.js';

/** The further facts of an account: sent, not configured, or refused by Rutter a short time ago. */
export type FactsChoice = 'sent' | 'not_configured' | 'refused';

/** The body that creates an account at Rutter (contract 6.3), sealed: it holds the account's number. */
export function prepareBody(
  { keyring, settings }: Pick<RutterDeps, 'keyring' | 'settings'>,
  input: { connectionId: string; account: AccountToCreate; facts: FactsChoice },
): PreparedBody {
  const { account, facts, connectionId } = input;
  const whole = { ...plainAccount(keyring, account), facts: factsOf(account) };
  const body = serializeAccount({
    ...whole,
    transactionStartDate: settings.startDateFromOpenedOn ? account.openedOn : null,
    facts: facts === 'sent' ? whole.facts : null,
  });
  return {
    sealed: seal(keyring, body, bodyContext({ connectionId, accountId: account.accountId })),
    factsLeftOut: facts === 'refused' ? factsInBody(serializeAccount(whole)) : [],
  };
}

/** The same as version 0.2.0 sent it: bodies were not stored, and a key belongs to one body. */
export function prepareOldBody(
  { keyring }: Pick<RutterDeps, 'keyring'>,
  input: { connectionId: string; account: AccountToCreate },
): PreparedBody {
  const { connectionId, account } = input;
  const { accountId } = account;
  const body = serializeAccount(plainAccount(keyring, { ...account, ibanSealed: null }));
  return { sealed: seal(keyring, body, bodyContext({ connectionId, accountId })), factsLeftOut: [] };
}

/** Where a stored body is sealed for. */
export function bodyContext({
  connectionId,
  accountId,
}: {
  connectionId: string;
  accountId: string;
}): SealContext {
  return { table: 'publications', row: `${connectionId}/${accountId}` };
}

function plainAccount(keyring: RutterDeps['keyring'], account: AccountToCreate) {
  const { numberSealed, ibanSealed } = account;
  const context = { table: 'accounts', row: account.accountId };
  const number = numberSealed === null ? null : open(keyring, numberSealed, context);
  const iban = ibanSealed === null ? null : open(keyring, ibanSealed, { ...context, column: 'iban' });
  return {
    internalBankAccountId: account.accountId,
    bankAccountType: account.type,
    currencyCode: account.currency,
    name: account.name,
    // What the bank calls the number, masked or not, as it is; an IBAN only where there is no other.
    bankAccountNumber: number ?? iban,
  };
}

function factsOf(account: AccountToCreate): NewAccountFacts {
  return {
    availableBalance: account.balances.available,
    currentBalance: account.balances.current,
    routingNumber: account.routingNumber ?? account.sortCode?.replace(/\D/g, '') ?? null,
    lineOfBusiness: account.lineOfBusiness,
    parentBankFeedAccountId: account.parentRutterAccountId,
    card: account.cardFacts,
  };
}
