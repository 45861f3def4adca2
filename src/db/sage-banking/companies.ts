import type { Keyring } from '../../crypto/keyring.js';
import { open, seal } from '../../crypto/seal.js';
import type { Queryable } from '../pool.js';

/**
 * A customer's company in its organisation at Sage's Banking Service: a connection of the `sage-banking` channel. The
 * organisation's own signing key is sealed for `{table: 'sage_companies', row: connectionId}`.
 */
export interface SageCompanyRow {
  readonly connectionId: string;
  readonly customerId: string;
  /** The onboarding that created it; null when it was created otherwise. */
  readonly onboardingId: string | null;
  readonly organisationId: string;
  readonly companyId: string;
  readonly name: string;
  readonly signingKeySealed: string;
  readonly createdAt: string;
}

const columns = `
  connection_id AS "connectionId", customer_id AS "customerId", onboarding_id AS "onboardingId",
  organisation_id AS "organisationId", company_id AS "companyId", name, signing_key_sealed AS "signingKeySealed",
  created_at AS "createdAt"`;

/** A customer has few companies; a list never shows more than this. */
const listedCompaniesMax = 200;

/** A signing key as it may be stored in the row of this company, and only there. */
export function sealSageSigningKey(
  keyring: Keyring,
  input: { connectionId: string; signingKey: string },
): string {
  return seal(keyring, input.signingKey, { table: 'sage_companies', row: input.connectionId });
}

/**
 * What a call for the company is made with: `SageCompanyAccess` of the client. A secret: hold it only as long as the
 * call that needs it. @throws UnsealError
 */
export function accessOf(
  keyring: Keyring,
  company: Pick<SageCompanyRow, 'connectionId' | 'organisationId' | 'companyId' | 'signingKeySealed'>,
): { organisationId: string; companyId: string; signingKey: string } {
  const context = { table: 'sage_companies', row: company.connectionId };
  return {
    organisationId: company.organisationId,
    companyId: company.companyId,
    signingKey: open(keyring, company.signingKeySealed, context),
  };
}

/**
 * Stores a company. False, with nothing changed, when these ids at Sage or this onboarding have one
 * already: then read that row.
 */
export async function insertSageCompany(
  db: Queryable,
  input: Omit<SageCompanyRow, 'createdAt'>,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO sage_companies
       (connection_id, customer_id, onboarding_id, organisation_id, company_id, name, signing_key_sealed)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    [
      input.connectionId,
      input.customerId,
      input.onboardingId,
      input.organisationId,
      input.companyId,
      input.name,
      input.signingKeySealed,
    ],
  );
  return rowCount === 1;
}

/** The company, or null when there is none. */
export async function readSageCompany(
  db: Queryable,
  input: { connectionId: string },
): Promise<SageCompanyRow | null> {
  const { rows } = await db.query<SageCompanyRow>(
    `SELECT ${columns} FROM sage_companies WHERE connection_id = $1`,
    [input.connectionId],
  );
  return rows[0] ?? null;
}

/** The company by its ids at Sage, or null when we have none. */
export async function readSageCompanyByIds(
  db: Queryable,
  input: { organisationId: string; companyId: string },
): Promise<SageCompanyRow | null> {
  const { rows } = await db.query<SageCompanyRow>(
    `SELECT ${columns} FROM sage_companies WHERE organisation_id = $1 AND company_id = $2`,
    [input.organisationId, input.companyId],
  );
  return rows[0] ?? null;
}

/** The company that an onboarding created, or null as long as there is none. */
export async function readSageCompanyOfOnboarding(
  db: Queryable,
  input: { onboardingId: string },
): Promise<SageCompanyRow | null> {
  const { rows } = await db.query<SageCompanyRow>(
    `SELECT ${columns} FROM sage_companies WHERE onboarding_id = $1`,
    [input.onboardingId],
  );
  return rows[0] ?? null;
}

/** The company that was created last, or null when there is none. */
export async function readNewestSageCompany(db: Queryable): Promise<SageCompanyRow | null> {
  const { rows } = await db.query<SageCompanyRow>(
    `SELECT ${columns} FROM sage_companies ORDER BY created_at DESC LIMIT 1`,
  );
  return rows[0] ?? null;
}

/** A customer's companies, oldest first. */
export async function listSageCompanies(
  db: Queryable,
  input: { customerId: string },
): Promise<SageCompanyRow[]> {
  const { rows } = await db.query<SageCompanyRow>(
    `SELECT ${columns} FROM sage_companies WHERE customer_id = $1
      ORDER BY created_at, connection_id LIMIT ${listedCompaniesMax}`,
    [input.customerId],
  );
  return rows;
}
