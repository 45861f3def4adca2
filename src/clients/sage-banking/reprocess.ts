import { z } from 'zod';
import { pollAddress, type KnownOrigins } from './addresses.js';
import type { SageBankingClient, SageReprocessPoll } from './client.js';
import type { CompanyRequester } from './company-request.js';
import { pollPeriodSchema } from './poll-period.js';
import { sageTransactionSchema } from './schemas.js';

const startedSchema = z
  .object({ pollRoute: z.string().min(1), pollPeriod: pollPeriodSchema })
  .transform(({ pollRoute, pollPeriod }) => ({ pollRoute, pollPeriodMs: pollPeriod }));

const waitingSchema: z.ZodType<SageReprocessPoll> = startedSchema.transform((waiting) => ({
  kind: 'waiting',
  ...waiting,
}));

const doneSchema: z.ZodType<SageReprocessPoll> = z
  .object({ transactions: z.array(sageTransactionSchema) })
  .transform(({ transactions }) => ({ kind: 'done', transactions }));

export type ReprocessCalls = Pick<SageBankingClient, 'startReprocess' | 'pollReprocess'>;

/** Applies the rules to transactions that Sage already has (contract 10). */
export function createReprocessCalls(options: {
  companyRequest: CompanyRequester;
  origins: KnownOrigins;
}): ReprocessCalls {
  const { companyRequest, origins } = options;
  return {
    async startReprocess({ access, bankAccountId, transactionIds, signal }) {
      const operation = 'startReprocess' as const;
      const started = await companyRequest({
        operation,
        method: 'POST',
        access,
        signal,
        segments: ['bankaccounts', bankAccountId, 'reprocesstransactions'],
        json: { transactionIds },
        schema: startedSchema,
      });
      pollAddress(origins, { operation, pollRoute: started.pollRoute });
      return started;
    },

    async pollReprocess({ access, pollRoute, signal }) {
      const operation = 'pollReprocess' as const;
      const address = pollAddress(origins, { operation, pollRoute });
      const polled = await companyRequest({
        operation,
        method: 'GET',
        access,
        signal,
        address,
        schema: doneSchema,
        waitingSchema,
        finalFailure: ({ errorMessage }): SageReprocessPoll => ({ kind: 'failed', message: errorMessage }),
      });
      if (polled.kind === 'waiting') pollAddress(origins, { operation, pollRoute: polled.pollRoute });
      return polled;
    },
  };
}
