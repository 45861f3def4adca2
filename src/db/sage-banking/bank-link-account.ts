import type { Keyring } from '../../crypto/keyring.js';
import { open, seal } from '../../crypto/seal.js';
import { transaction, type Pool } from '../pool.js';
import type { SageAccountRow } from './accounts.js';
import { insertSageLink } from './bank-links.js';

/** The data of the account that a link is to create, kept sealed in the link's row until Sage has the account. */

export function sealLinkAccount(keyring: Keyring, input: { linkId: string; account: unknown }): string {
  return seal(keyring, JSON.stringify(input.account), sealedFor(input));
}

/** The account's data as it was sealed. @throws {UnsealError} */
export function openLinkAccount(keyring: Keyring, input: { linkId: string; accountSealed: string }): unknown {
  return JSON.parse(open(keyring, input.accountSealed, sealedFor(input)));
}

function sealedFor({ linkId }: { linkId: string }) {
  return { table: 'sage_links', row: linkId, column: 'account' };
}

/** Stores the link of a further account of the consent that granted `account` (contract 6.6), once under its id. */
export async function insertCandidateLink(
  pool: Pool,
  input: {
    readonly keyring: Keyring;
    readonly linkId: string;
    readonly account: SageAccountRow;
    readonly candidateId: string;
    readonly requestedStartDate: string;
  },
): Promise<void> {
  const { keyring, linkId, account, candidateId, requestedStartDate } = input;
  const { bankAccountId } = account;
  await transaction(pool, (db) =>
    insertSageLink(db, {
      linkId,
      customerId: account.customerId,
      connectionId: account.connectionId,
      purpose: 'candidate',
      bankId: account.bankId,
      bankName: account.bankName,
      requestedStartDate,
      sageAccountId: null,
      accountSealed: sealLinkAccount(keyring, { linkId, account: { candidateId, bankAccountId } }),
    }),
  );
}
