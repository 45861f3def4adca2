import { randomUUID } from 'node:crypto';
import { cancellationSignal } from '@temporalio/activity';
import { z } from 'zod';
import { accountKeyFallback } from '../../../clients/sage-banking/assumptions.js';
import type { SageCompanyAccess } from '../../../clients/sage-banking/client.js';
import { isSageConflict, SageRefused } from '../../../clients/sage-banking/errors.js';
import type { SageBank, SageBankAccount } from '../../../clients/sage-banking/schemas.js';
import { sha256Hex } from '../../../crypto/hash.js';
import { transaction } from '../../../db/pool.js';
import { insertSageAccount, readSageAccountByBankAccount } from '../../../db/sage-banking/accounts.js';
import { sealSageAuthorisation } from '../../../db/sage-banking/authorisation.js';
import { endSageLink } from '../../../db/sage-banking/bank-links.js';
import {
  sageAccountTypeFallback,
  sageLinkEndPauseMs,
  sageLinkWaitsForEndMs,
} from '../../../domain/sage-banking/bank-link.js';
import type { SageBankingDeps } from '../deps.js';
import { Obsolete } from '../../failures.js';
import { companyAccess } from '../access.js';
import {
  endingOnRefusal,
  endLink,
  linkContext,
  linkOver,
  openOfLink,
  type LinkContext,
  type LinkOver,
} from './link-context.js';
import type { LinkInput } from './begin-bank-link.js';

/*
 * Creates the account that a link has brought, or that was typed in for a direct bank (contract 5.3, 6.2). A repeat is
 * safe: Sage's list is read before every POST, and an account that stands there is adopted, so a lost answer makes no
 * second one. A refusal ends the link and is no failure. Failures: ProviderUnavailable, RateLimited, DatabaseUnavailable
 * (retried); Obsolete.
 */

export type CreateAccountResult =
  | LinkOver
  /** The same account is just being disconnected: only afterwards can it be a new one. Ends by the row's age. */
  | { readonly outcome: 'again'; readonly waitMs: number };

/** What is known of the account before it is created; stands sealed in the link's row. */
export const linkedAccountSchema = z.object({
  accountName: z.string(),
  accountIdentifier: z.string(),
  accountKey: z.string().nullish(),
  bankIdentifier: z.string().nullish(),
  accountType: z.string().nullish(),
});
type LinkedAccount = z.output<typeof linkedAccountSchema>;

export function sageCreateAccount(deps: SageBankingDeps) {
  return async ({ linkId }: LinkInput): Promise<CreateAccountResult> => {
    const context = await linkContext(deps, { linkId, signal: cancellationSignal() });
    const { link } = context;
    if (link.state !== 'waiting') return await linkOver(context);
    if (link.accountSealed === null) throw new Obsolete('the link has brought no account');
    const text = openOfLink(context, { column: 'account', sealed: link.accountSealed });
    const linked = linkedAccountSchema.parse(JSON.parse(text));
    return await endingOnRefusal(context, () => ensure(context, linked));
  };
}

async function ensure(context: LinkContext, linked: LinkedAccount): Promise<CreateAccountResult> {
  const { deps, channel, link, signal } = context;
  const access = await companyAccess(deps, link);
  const bank = await channel.client.getBank({ bankId: link.bankId, signal });
  const found = await findAtSage(context, access, linked);
  if (found !== null) return await adopt(context, { found, bank, linked });
  let created: SageBankAccount;
  try {
    created = await channel.client.createBankAccount({
      access,
      account: inputOf(context, linked, bank),
      signal,
    });
  } catch (error) {
    if (!(error instanceof SageRefused) || error.operation === 'getAccessToken') throw error;
    // It came to be since the list was read, by a POST that was taken for lost: then any refusal may be about it.
    const raced = await findAtSage(context, access, linked);
    if (raced !== null) return await adopt(context, { found: raced, bank, linked });
    // Sage knows it, and not as one that this company's list shows.
    if (!isSageConflict(error)) throw error;
    return await endLink(context, {
      state: 'refused',
      reason: 'account_taken',
      message: error.errorMessage,
      detail: { http_status: error.httpStatus },
    });
  }
  return await finish(context, { found: created, bank, linked });
}

interface Found {
  readonly found: SageBankAccount;
  readonly bank: SageBank;
  readonly linked: LinkedAccount;
}

/**
 * The account that Sage has already, by what it recognises duplicates by (contract 6.2). A side that does not tell its
 * bank identifier fits any; of several that fit none is taken.
 */
async function findAtSage(
  { channel, link, signal }: LinkContext,
  access: SageCompanyAccess,
  linked: LinkedAccount,
): Promise<SageBankAccount | null> {
  const listed = await channel.client.listBankAccounts({ access, signal });
  const fitting = listed.filter(
    (account) =>
      account.status !== 'cancelled' &&
      account.bankId === link.bankId &&
      account.accountIdentifier === linked.accountIdentifier &&
      (account.bankIdentifier == null ||
        linked.bankIdentifier == null ||
        account.bankIdentifier === linked.bankIdentifier),
  );
  return fitting.length === 1 ? (fitting[0] ?? null) : null;
}

/** One that we are about to disconnect is waited for: what was asked for last is a connected account. */
async function adopt(context: LinkContext, found: Found): Promise<CreateAccountResult> {
  const { deps, channel, link } = context;
  const known = await readSageAccountByBankAccount(deps.pool, {
    connectionId: link.connectionId,
    bankAccountId: found.found.bankAccountId,
  });
  if (known !== null && (known.cancelRequestedAt !== null || known.status === 'cancelled')) {
    await channel.workflows.wakeAccount({ sageAccountId: known.sageAccountId });
    // Nothing has changed in the row since the account was granted.
    if (link.unchangedMs < sageLinkWaitsForEndMs) {
      return { outcome: 'again', waitMs: sageLinkEndPauseMs(link.unchangedMs) };
    }
    const detail = { sage_account_id: known.sageAccountId };
    return await endLink(context, { state: 'expired', reason: 'account_taken', message: null, detail });
  }
  return await finish(context, found);
}

/** Stores the account and ends the link with it, in one transaction; then the account's own workflow begins. */
async function finish(context: LinkContext, { found, bank, linked }: Found): Promise<LinkOver> {
  const { deps, channel, link } = context;
  const { linkId, customerId, connectionId, bankId } = link;
  const accountIdentifier = found.accountIdentifier ?? linked.accountIdentifier;
  const bankIdentifier = found.bankIdentifier ?? linked.bankIdentifier ?? '';
  const sageAccountId = randomUUID();
  const account = await transaction(deps.pool, async (db) => {
    const stored = await insertSageAccount(db, {
      sageAccountId,
      customerId,
      connectionId,
      bankId,
      bankAccountId: found.bankAccountId,
      bankName: bank.name,
      dataProvider: bank.dataProvider,
      name: found.accountName ?? linked.accountName,
      numberLast4: lastFour(accountIdentifier),
      identityHash: sha256Hex(JSON.stringify([bankId, bankIdentifier, accountIdentifier])),
      currency: found.defaultCurrency ?? null,
      status: found.status,
      requestedStartDate: link.requestedStartDate,
      ...authorisationOf(context, { sageAccountId, bank, found }),
    });
    const ending = { state: 'linked', sageAccountId: stored.account.sageAccountId } as const;
    await endSageLink(db, { linkId, ending });
    return stored.account;
  });
  await channel.workflows.wakeAccount({ sageAccountId: account.sageAccountId });
  return { outcome: 'over', state: 'linked' };
}

/** The end of a number that is long enough to keep the rest of it to itself. */
function lastFour(identifier: string): string | null {
  return identifier.length > 4 ? identifier.slice(-4) : null;
}

/** What the customer has to do at a direct bank: the bank's own way, and with it what Sage tells of this account. */
function authorisationOf(
  { deps }: LinkContext,
  { sageAccountId, bank, found }: { sageAccountId: string; bank: SageBank; found: SageBankAccount },
) {
  if (bank.dataProvider === 'indirect') return { authorisationMechanism: null, authorisationSealed: null };
  const { authorisationData: authorisation } = found;
  return {
    authorisationMechanism: bank.authorisationMechanism ?? null,
    authorisationSealed:
      authorisation == null ? null : sealSageAuthorisation(deps.keyring, { sageAccountId, authorisation }),
  };
}

function inputOf({ link }: LinkContext, linked: LinkedAccount, bank: SageBank) {
  return {
    bankId: link.bankId,
    accountName: linked.accountName,
    accountIdentifier: linked.accountIdentifier,
    ...(bank.dataProvider === 'indirect' ? { accountKey: linked.accountKey ?? accountKeyFallback } : {}),
    ...(linked.bankIdentifier == null ? {} : { bankIdentifier: linked.bankIdentifier }),
    accountType: linked.accountType ?? bank.accountTypes?.[0] ?? sageAccountTypeFallback,
    ...(link.requestedStartDate === null ? {} : { requestedStartDate: link.requestedStartDate }),
  };
}
