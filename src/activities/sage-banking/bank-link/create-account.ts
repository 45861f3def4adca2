import { cancellationSignal } from '@temporalio/activity';
import { z } from 'zod';
import { accountKeyFallback, startDateForSage } from '../../../clients/sage-banking/assumptions.js';
import type { SageCompanyAccess } from '../../../clients/sage-banking/client.js';
import { isSageConflict, SageRefused } from '../../../clients/sage-banking/errors.js';
import type { SageBank, SageBankAccount } from '../../../clients/sage-banking/schemas.js';
import { readDatabaseClock } from '../../../db/clock.js';
import { readSageAccountByBankAccount } from '../../../db/sage-banking/accounts.js';
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
import { candidateSchema, linkCandidate } from './link-candidate.js';
import { storeAccount, type FoundAccount } from './store-account.js';

/*
 * Creates the account of a consented link, or the one entered for a direct bank (contract 5.3, 6.2). A repeat is safe:
 * Sage's list is read before every POST, and an account found there is adopted, so a lost answer creates no second one; of
 * a further account of a consent the row says whether it was asked for before. A refusal ends the link and is not a
 * failure. Failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried); Obsolete.
 */

export type CreateAccountResult =
  | LinkOver
  /** The same account is being disconnected: a new one is possible only afterwards. Ends by the age of the row. */
  | { readonly outcome: 'again'; readonly waitMs: number };

/** The account's data before it is created; stored sealed in the link's row. */
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
    if (link.accountSealed === null) throw new Obsolete('the link has no account');
    const text = openOfLink(context, { column: 'account', sealed: link.accountSealed });
    if (link.purpose === 'candidate') {
      const candidate = candidateSchema.parse(JSON.parse(text));
      return await endingOnRefusal(context, () => linkCandidate(context, candidate));
    }
    const linked = linkedAccountSchema.parse(JSON.parse(text));
    return await endingOnRefusal(context, () => ensure(context, linked));
  };
}

async function ensure(context: LinkContext, linked: LinkedAccount): Promise<CreateAccountResult> {
  const { deps, sage, link, signal } = context;
  const access = await companyAccess(deps, link);
  const bank = await sage.client.getBank({ bankId: link.bankId, signal });
  const found = await findAtSage(context, access, linked);
  if (found !== null) return await adopt(context, { found, bank, linked });
  let created: SageBankAccount;
  const nowMs = await readDatabaseClock(deps.pool);
  try {
    created = await sage.client.createBankAccount({
      access,
      account: inputOf(context, { linked, bank, nowMs }),
      signal,
    });
  } catch (error) {
    if (!(error instanceof SageRefused) || error.operation === 'getAccessToken') throw error;
    // An earlier POST whose answer was lost may have created it after the list was read; any refusal may be due to it.
    const raced = await findAtSage(context, access, linked);
    if (raced !== null) return await adopt(context, { found: raced, bank, linked });
    // Sage knows the account, but the list of this company does not show it.
    if (!isSageConflict(error)) throw error;
    return await endLink(context, {
      state: 'refused',
      reason: 'account_taken',
      message: error.errorMessage,
      detail: { http_status: error.httpStatus },
    });
  }
  return await storeAccount(context, { found: created, bank, linked });
}

/**
 * The account that Sage already has, by the fields by which Sage recognizes duplicates (contract 6.2). A missing bank
 * identifier on either side matches any; of several matches none is used.
 */
async function findAtSage(
  { sage, link, signal }: LinkContext,
  access: SageCompanyAccess,
  linked: LinkedAccount,
): Promise<SageBankAccount | null> {
  const listed = await sage.client.listBankAccounts({ access, signal });
  const matching = listed.filter(
    (account) =>
      account.status !== 'cancelled' &&
      account.bankId === link.bankId &&
      account.accountIdentifier === linked.accountIdentifier &&
      (account.bankIdentifier == null ||
        linked.bankIdentifier == null ||
        account.bankIdentifier === linked.bankIdentifier),
  );
  return matching.length === 1 ? (matching[0] ?? null) : null;
}

/** Waits for an account whose disconnection was requested: the last request was to connect it. */
async function adopt(context: LinkContext, found: FoundAccount): Promise<CreateAccountResult> {
  const { deps, sage, link } = context;
  const known = await readSageAccountByBankAccount(deps.pool, {
    connectionId: link.connectionId,
    bankAccountId: found.found.bankAccountId,
  });
  if (known !== null && (known.cancelRequestedAt !== null || known.status === 'cancelled')) {
    await sage.workflows.wakeAccount({ sageAccountId: known.sageAccountId });
    // Nothing has changed in the row since the account was granted.
    if (link.unchangedMs < sageLinkWaitsForEndMs) {
      return { outcome: 'again', waitMs: sageLinkEndPauseMs(link.unchangedMs) };
    }
    const detail = { sage_account_id: known.sageAccountId };
    return await endLink(context, { state: 'expired', reason: 'account_taken', message: null, detail });
  }
  return await storeAccount(context, found);
}

function inputOf({ link }: LinkContext, input: { linked: LinkedAccount; bank: SageBank; nowMs: number }) {
  const { linked, bank, nowMs } = input;
  return {
    bankId: link.bankId,
    accountName: linked.accountName,
    accountIdentifier: linked.accountIdentifier,
    ...(bank.dataProvider === 'indirect' ? { accountKey: linked.accountKey ?? accountKeyFallback } : {}),
    ...(linked.bankIdentifier == null ? {} : { bankIdentifier: linked.bankIdentifier }),
    accountType: linked.accountType ?? bank.accountTypes?.[0] ?? sageAccountTypeFallback,
    ...(link.requestedStartDate === null
      ? {}
      : { requestedStartDate: startDateForSage(link.requestedStartDate, nowMs) }),
  };
}
