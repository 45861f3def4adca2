import { open } from '../../../src/crypto/seal.js';
import { readSageLink } from '../../../src/db/sage-banking/bank-links.js';
import type { SageBankingActors, SageBankingCustomer } from './actors.js';
import type { SageBankingFixture } from './fixture.js';

/** The customer opens where the pages of all its links under way lead, and says yes or no there. */
export async function visitBank(
  fixture: SageBankingFixture,
  actors: SageBankingActors,
  { customer, success }: { customer: SageBankingCustomer; success: boolean },
): Promise<void> {
  const { rows } = await fixture.pool.query<{ linkId: string }>(
    `SELECT link_id AS "linkId" FROM sage_links
      WHERE customer_id = $1 AND state = 'waiting' AND redirect_sealed IS NOT NULL ORDER BY created_at`,
    [customer.customerId],
  );
  for (const { linkId } of rows) await visitLink(fixture, actors, { customer, success, linkId });
}

async function visitLink(
  { pool, keyring, control }: SageBankingFixture,
  actors: SageBankingActors,
  { customer, success, linkId }: { customer: SageBankingCustomer; success: boolean; linkId: string },
): Promise<void> {
  const link = await readSageLink(pool, { linkId });
  if (link?.redirectSealed == null) return;
  const place = { table: 'sage_links', row: linkId, column: 'redirect' };
  const redirect = new URL(open(keyring, link.redirectSealed, place));
  actors.secrets.add(redirect.searchParams.get('state') ?? '');
  const id = redirect.searchParams.get('authorisation_id') ?? '';
  const wanted = actors.links.get(linkId)?.bankAccount;
  if (success && wanted !== undefined) wanted.isWanted = true;
  const account = wanted === undefined ? {} : { account: wanted.name };
  const done = success ? { username: customer.username, ...account } : { success: false };
  try {
    await control('POST', `/links/${id}/finish`, done);
  } catch (error) {
    // Too late, or done already: the bank's page says so, and the customer leaves.
    if (!(error instanceof Error) || !error.message.includes('authorisation is over')) throw error;
  }
}
