import { z } from 'zod';
import type { SageBankAccountInput, SageBankingClient } from './client.js';
import type { CompanyRequester } from './company-request.js';
import { sageBankAccountSchema, sageCandidateSchema } from './schemas.js';

/** Shape assumed (contract 6.1). */
const accountListSchema = z
  .object({ bankAccounts: z.array(sageBankAccountSchema) })
  .transform(({ bankAccounts }) => bankAccounts);

const candidateListSchema = z
  .object({ availableAccounts: z.array(sageCandidateSchema) })
  .transform(({ availableAccounts }) => availableAccounts);

const deletedSchema = z.unknown().transform(() => undefined);

export type AccountCalls = Pick<
  SageBankingClient,
  | 'createBankAccount'
  | 'listBankAccounts'
  | 'getBankAccount'
  | 'deleteBankAccount'
  | 'listCandidates'
  | 'linkCandidate'
>;

/** Bank accounts of a company (contract 6). */
export function createAccountCalls({ companyRequest }: { companyRequest: CompanyRequester }): AccountCalls {
  return {
    ...createCandidateCalls({ companyRequest }),

    createBankAccount: ({ access, account, signal }) =>
      companyRequest({
        operation: 'createBankAccount',
        method: 'POST',
        access,
        signal,
        segments: ['bankaccounts'],
        json: account,
        schema: sageBankAccountSchema,
        secrets: numbersOf(account),
      }),

    listBankAccounts: ({ access, includeCancelled, signal }) =>
      companyRequest({
        operation: 'listBankAccounts',
        method: 'GET',
        access,
        signal,
        segments: ['bankaccounts'],
        query: { includeCancelled: includeCancelled === true ? 'true' : undefined },
        schema: accountListSchema,
      }),

    getBankAccount: ({ access, bankAccountId, signal }) =>
      companyRequest({
        operation: 'getBankAccount',
        method: 'GET',
        access,
        signal,
        segments: ['bankaccounts', bankAccountId],
        schema: accountSchemaOf(bankAccountId),
      }),

    deleteBankAccount: ({ access, bankAccountId, signal }) =>
      companyRequest({
        operation: 'deleteBankAccount',
        method: 'DELETE',
        access,
        signal,
        mayBeEmpty: true,
        segments: ['bankaccounts', bankAccountId],
        schema: deletedSchema,
      }),
  };
}

/** Further accounts of a consent (contract 6.6). */
function createCandidateCalls({
  companyRequest,
}: {
  companyRequest: CompanyRequester;
}): Pick<AccountCalls, 'listCandidates' | 'linkCandidate'> {
  return {
    listCandidates: ({ access, bankAccountId, signal }) =>
      companyRequest({
        operation: 'listCandidates',
        method: 'GET',
        access,
        signal,
        segments: ['availablebankaccounts'],
        query: { bankAccountIds: bankAccountId },
        schema: candidateListSchema,
      }),

    linkCandidate: ({ access, candidateId, requestedStartDate, signal }) =>
      companyRequest({
        operation: 'linkCandidate',
        method: 'POST',
        access,
        signal,
        segments: ['linkavailablebankaccount'],
        json: { bankAccountCandidateId: candidateId, requestedStartDate },
        schema: sageBankAccountSchema,
      }),
  };
}

/** The answer must be about the account that was asked for. */
export function accountSchemaOf(bankAccountId: string) {
  return sageBankAccountSchema.refine((account) => account.bankAccountId === bankAccountId, {
    path: ['bankAccountId'],
  });
}

function numbersOf({ accountIdentifier, accountKey, bankIdentifier }: SageBankAccountInput) {
  return [accountIdentifier, accountKey, bankIdentifier];
}
