import { z } from 'zod';
import type { SageBankAccountInput, SageBankingClient } from './client.js';
import type { CompanyRequester } from './company-request.js';
import { sageBankAccountSchema } from './schemas.js';

/** Shape assumed (contract 6.1). */
const accountListSchema = z
  .object({ bankAccounts: z.array(sageBankAccountSchema) })
  .transform(({ bankAccounts }) => bankAccounts);

const deletedSchema = z.unknown().transform(() => undefined);

export type AccountCalls = Pick<
  SageBankingClient,
  'createBankAccount' | 'listBankAccounts' | 'getBankAccount' | 'deleteBankAccount'
>;

/** Bank accounts of a company (contract 6). */
export function createAccountCalls({ companyRequest }: { companyRequest: CompanyRequester }): AccountCalls {
  return {
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

/** The answer must be about the account that was asked for. */
export function accountSchemaOf(bankAccountId: string) {
  return sageBankAccountSchema.refine((account) => account.bankAccountId === bankAccountId, {
    path: ['bankAccountId'],
  });
}

function numbersOf({ accountIdentifier, accountKey, bankIdentifier }: SageBankAccountInput) {
  return [accountIdentifier, accountKey, bankIdentifier];
}
