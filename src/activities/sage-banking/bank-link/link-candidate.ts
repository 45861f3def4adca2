import { z } from 'zod';
import { startDateForSage } from '../../../clients/sage-banking/assumptions.js';
import type { SageCompanyAccess } from '../../../clients/sage-banking/client.js';
import { isSageConflict, isSageError, isSageNotFound } from '../../../clients/sage-banking/errors.js';
import type { SageBankAccount } from '../../../clients/sage-banking/schemas.js';
import { readDatabaseClock } from '../../../db/clock.js';
import { listSageAccountsOfConnection } from '../../../db/sage-banking/accounts.js';
import { clearCreateSent, markCreateSent } from '../../../db/sage-banking/bank-link-account.js';
import { companyAccess } from '../access.js';
import { endLink, type LinkContext, type LinkOver } from './link-context.js';
import { storeAccount } from './store-account.js';

/** An account of an earlier consent, and the account that it was granted with; stored sealed in the link's row. */
export const candidateSchema = z.object({ candidateId: z.string(), bankAccountId: z.string() });
type Candidate = z.output<typeof candidateSchema>;

/**
 * Makes an account of a candidate (contract 6.6). A 409 says that it is one already. After an earlier request of unknown
 * outcome that is our own work: the only account of this consent that has no row here. After a first request it is
 * somebody else's: no account is adopted.
 */
export async function linkCandidate(context: LinkContext, candidate: Candidate): Promise<LinkOver> {
  const { deps, sage, link, signal } = context;
  const { candidateId } = candidate;
  const access = await companyAccess(deps, link);
  const bank = await sage.client.getBank({ bankId: link.bankId, signal });
  const asked = await askForCandidate(context, access, candidate);
  if (asked.kind === 'refused') {
    const { reason, message } = asked;
    return await endLink(context, { state: 'refused', reason, message });
  }
  const { found } = asked;
  return await storeAccount(context, {
    found,
    bank,
    linked: {
      accountName: found.accountName ?? bank.name,
      accountIdentifier: found.accountIdentifier ?? candidateId,
    },
  });
}

type CandidateAnswer =
  | { readonly kind: 'account'; readonly found: SageBankAccount }
  | {
      readonly kind: 'refused';
      readonly reason: 'unknown_candidate' | 'account_taken';
      readonly message: string | null;
    };

/** The request is marked in the link's row before it is sent, until its answer says that it changed nothing. */
async function askForCandidate(
  context: LinkContext,
  access: SageCompanyAccess,
  candidate: Candidate,
): Promise<CandidateAnswer> {
  const { deps, sage, link, signal } = context;
  const { candidateId } = candidate;
  const requestedStartDate = startDateForSage(
    link.requestedStartDate ?? link.createdAt,
    await readDatabaseClock(deps.pool),
  );
  const { sentBefore } = await markCreateSent(deps.pool, link);
  try {
    const found = await sage.client.linkCandidate({ access, candidateId, requestedStartDate, signal });
    return { kind: 'account', found };
  } catch (error) {
    if (isSageNotFound(error)) {
      return { kind: 'refused', reason: 'unknown_candidate', message: error.errorMessage };
    }
    if (isSageConflict(error)) {
      const found = sentBefore ? await findUnknownSibling(context, access, candidate) : null;
      if (found !== null) return { kind: 'account', found };
      return { kind: 'refused', reason: 'account_taken', message: error.errorMessage };
    }
    const changedNothing = isSageError(error) && error.kind !== 'outcome_unknown';
    if (changedNothing && !sentBefore) await clearCreateSent(deps.pool, link);
    throw error;
  }
}

/** The account of the same consent that has no row here; null unless there is exactly one. */
async function findUnknownSibling(
  { deps, sage, link, signal }: LinkContext,
  access: SageCompanyAccess,
  candidate: Candidate,
): Promise<SageBankAccount | null> {
  const listed = await sage.client.listBankAccounts({ access, signal });
  const consent = listed.find(
    ({ bankAccountId }) => bankAccountId === candidate.bankAccountId,
  )?.bankIdentifier;
  if (consent == null) return null;
  const known = await listSageAccountsOfConnection(deps.pool, link);
  const knownIds = new Set(known.map(({ bankAccountId }) => bankAccountId));
  const unknown = listed.filter(
    (account) =>
      account.status !== 'cancelled' &&
      account.bankId === link.bankId &&
      account.bankIdentifier === consent &&
      !knownIds.has(account.bankAccountId),
  );
  return unknown.length === 1 ? (unknown[0] ?? null) : null;
}
