import type { Keyring } from '../../crypto/keyring.js';
import { open, seal } from '../../crypto/seal.js';
import type { Queryable } from '../pool.js';

/**
 * Organisations whose answer arrived when their onboarding had gone on without it: Sage returns a key once, so it is
 * stored until an operator confirms the organisation. Sealed for `{table: 'sage_unclaimed_organisations', row: the two
 * ids}`.
 */

/** Of an organisation whose company was not created yet. */
export const noCompanyId = '';

interface Ids {
  readonly organisationId: string;
  readonly companyId: string;
}

const contextOf = ({ organisationId, companyId }: Ids) => ({
  table: 'sage_unclaimed_organisations',
  row: JSON.stringify([organisationId, companyId]),
});

/** Keeps the organisation's key; one that is kept already stays. */
export async function keepUnclaimedOrganisation(
  db: Queryable,
  keyring: Keyring,
  input: Ids & { onboardingId: string; signingKey: string },
): Promise<void> {
  await db.query(
    `INSERT INTO sage_unclaimed_organisations (organisation_id, company_id, onboarding_id, signing_key_sealed)
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [
      input.organisationId,
      input.companyId,
      input.onboardingId,
      seal(keyring, input.signingKey, contextOf(input)),
    ],
  );
}

/** The key that is kept of an organisation of this customer, a secret; null when there is none. @throws UnsealError */
export async function readUnclaimedKey(
  db: Queryable,
  keyring: Keyring,
  input: Ids & { customerId: string },
): Promise<string | null> {
  const { rows } = await db.query<{ sealed: string }>(
    `SELECT u.signing_key_sealed AS sealed
       FROM sage_unclaimed_organisations u JOIN sage_onboardings o USING (onboarding_id)
      WHERE u.organisation_id = $1 AND u.company_id = $2 AND o.customer_id = $3`,
    [input.organisationId, input.companyId, input.customerId],
  );
  return rows[0] === undefined ? null : open(keyring, rows[0].sealed, contextOf(input));
}

/** The organisation is stored as a company now, with the key in its row. */
export async function forgetUnclaimedOrganisation(db: Queryable, input: Ids): Promise<void> {
  await db.query(`DELETE FROM sage_unclaimed_organisations WHERE organisation_id = $1 AND company_id = $2`, [
    input.organisationId,
    input.companyId,
  ]);
}
