import { listQuery } from './accounts.js';
import { transactionPageBytesMax, transactionsAnswerBytesMax } from './body-sizes.js';
import type { ForConnection, Keyed, ListInput } from './call-options.js';
import type { Requester } from './request.js';
import { postTransactionsSchema, transactionPageSchema } from './schemas.js';
import type { RutterTransaction, TransactionPage } from './schemas.js';

export type PostTransactionsResult =
  /** `jobId` is null only when Rutter left out the documented header. */
  | { kind: 'done'; jobId: string | null; transactions: RutterTransaction[] }
  | { kind: 'async'; jobId: string; status: string };

/** Bank feed transactions (contract 8). Sent ones can be neither corrected nor removed. */
export interface TransactionCalls {
  /** POST …/transactions with the bytes of `serializeBatch`. A job is read with `getJob`. */
  postTransactions(
    input: ForConnection & Keyed & { body: string; timeoutMs?: number | undefined },
  ): Promise<PostTransactionsResult>;
  /** One page of GET …/transactions: all accounts of the connection, since Sage has no filter (11.1). */
  listTransactions(input: ListInput): Promise<TransactionPage>;
}

const transactionsPath = '/accounting/bank_feeds/transactions';

export function createTransactionCalls(dependencies: {
  request: Requester;
  timeoutMs: number;
  postTransactionsMs: number;
}): TransactionCalls {
  const { request, timeoutMs, postTransactionsMs } = dependencies;
  return {
    async postTransactions(input) {
      const answer = await request({
        operation: 'postTransactions',
        method: 'POST',
        path: transactionsPath,
        accessToken: input.accessToken,
        body: input.body,
        idempotencyKey: input.idempotencyKey,
        schema: postTransactionsSchema,
        answerBytesMax: transactionsAnswerBytesMax,
        priority: input.priority ?? 'delivery',
        signal: input.signal,
        timeoutMs: input.timeoutMs ?? postTransactionsMs,
      });
      if (answer.value.kind === 'async') return answer.value;
      return { ...answer.value, jobId: answer.jobId ?? null };
    },

    async listTransactions(input) {
      const answer = await request({
        operation: 'listTransactions',
        method: 'GET',
        path: transactionsPath,
        query: listQuery(input),
        accessToken: input.accessToken,
        schema: transactionPageSchema,
        answerBytesMax: transactionPageBytesMax,
        priority: input.priority ?? 'delivery',
        signal: input.signal,
        timeoutMs,
      });
      return answer.value;
    },
  };
}
