import { randomUUID } from 'node:crypto';
import type { SageBank, SageBankAccount } from '../../../clients/sage-banking/schemas.js';
import { sha256Hex } from '../../../crypto/hash.js';
import { transaction } from '../../../db/pool.js';
import { insertSageAccount } from '../../../db/sage-banking/accounts.js';
import { sealSageAuthorisation } from '../../../db/sage-banking/authorisation.js';
import { endSageLink } from '../../../db/sage-banking/bank-links.js';
import type { LinkContext, LinkOver } from './link-context.js';

/** An account that Sage has, and what the link knows of it; Sage's own values are preferred. */
export interface FoundAccount {
  readonly found: SageBankAccount;
  readonly bank: SageBank;
  readonly linked: {
    readonly accountName: string;
    readonly accountIdentifier: string;
    readonly bankIdentifier?: string | null | undefined;
  };
}

/** Stores the account and ends the link in one transaction; then starts the account's own workflow. */
export async function storeAccount(
  context: LinkContext,
  { found, bank, linked }: FoundAccount,
): Promise<LinkOver> {
  const { deps, sage, link } = context;
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
  await sage.workflows.wakeAccount({ sageAccountId: account.sageAccountId });
  return { outcome: 'over', state: 'linked' };
}

/** The last four characters; null for an identifier so short that they would be all of it. */
function lastFour(identifier: string): string | null {
  return identifier.length > 4 ? identifier.slice(-4) : null;
}

/** How the customer authorizes the account at a direct bank: the bank's mechanism, with Sage's data for this account. */
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
