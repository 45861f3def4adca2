import type { Keyring } from '../../crypto/keyring.js';
import { open, seal } from '../../crypto/seal.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
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

/**
 * Records, before it is sent, that the link's account is asked for, and answers whether an earlier request for it may have
 * had an effect. The row counts as unchanged: the age of a link is that of what it knows.
 */
export async function markCreateSent(
  db: Queryable,
  input: { linkId: string },
): Promise<{ readonly sentBefore: boolean }> {
  const { rows } = await db.query<{ sentBefore: boolean }>(
    `UPDATE sage_links SET create_sent_at = now()
       FROM (SELECT link_id, create_sent_at FROM sage_links WHERE link_id = $1 FOR UPDATE) AS earlier
      WHERE sage_links.link_id = earlier.link_id
  RETURNING earlier.create_sent_at IS NOT NULL AS "sentBefore"`,
    [input.linkId],
  );
  return { sentBefore: rows[0]?.sentBefore ?? false };
}

/** The only request for the link's account certainly had no effect. */
export async function clearCreateSent(db: Queryable, input: { linkId: string }): Promise<void> {
  await db.query(`UPDATE sage_links SET create_sent_at = NULL WHERE link_id = $1`, [input.linkId]);
}
