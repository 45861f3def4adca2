import { z } from 'zod';
import { accountSchemaOf } from './accounts.js';
import type { SageBankingClient, SageTransactionPage } from './client.js';
import type { CompanyRequester } from './company-request.js';
import { sageTransactionSchema } from './schemas.js';

export type TransactionCalls = Pick<SageBankingClient, 'readTransactions'>;

/** Transactions by cursor (contract 7.1). */
export function createTransactionCalls({
  companyRequest,
}: {
  companyRequest: CompanyRequester;
}): TransactionCalls {
  return {
    readTransactions: ({ access, bankAccountId, startIndex, endIndex, signal }) =>
      companyRequest({
        operation: 'readTransactions',
        method: 'GET',
        access,
        signal,
        segments: ['bankaccounts', bankAccountId, 'transactions'],
        query: { startIndex, endIndex },
        schema: pageSchemaOf({ bankAccountId, startIndex }),
      }),
  };
}

/** Ids must ascend from the one asked for: otherwise the cursor could skip transactions. */
function pageSchemaOf(asked: { bankAccountId: string; startIndex: number }): z.ZodType<SageTransactionPage> {
  const transactions = z.array(sageTransactionSchema).refine(
    (list) => {
      let least = asked.startIndex;
      return list.every(({ transactionId }) => {
        const isNext = transactionId >= least;
        least = transactionId + 1;
        return isNext;
      });
    },
    { error: 'ids must grow' },
  );
  return z
    .object({
      bankAccount: accountSchemaOf(asked.bankAccountId),
      bankTransactionList: z.object({ transactions, next: z.string().nullish() }),
    })
    .transform(({ bankAccount, bankTransactionList: list }) => ({
      account: bankAccount,
      transactions: list.transactions,
      // From the rows, not the answer's own figure: the cursor never passes what was read.
      endIndex: list.transactions.at(-1)?.transactionId ?? asked.startIndex - 1,
      // An empty page with a next one would never end the loop.
      hasMore: list.next != null && list.transactions.length > 0,
    }));
}
