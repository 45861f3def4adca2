import { z } from 'zod';
import type { SageBankingClient } from './client.js';
import { pathOf } from './path.js';
import type { Requester } from './request.js';
import { sageBankSchema } from './schemas.js';

const bankPageSchema = z.object({ banks: z.array(sageBankSchema), total: z.number().int().min(0) });

export type BankCalls = Pick<SageBankingClient, 'listBanks' | 'getBank'>;

/** Banks are public: no token, only the application (contract 4). */
export function createBankCalls(options: {
  request: Requester;
  bankingUrl: URL;
  applicationId: string;
}): BankCalls {
  const { request, bankingUrl } = options;
  const headers = { accept: 'application/json', 'x-application': options.applicationId };
  return {
    listBanks({ signal, ...filters }) {
      const url = new URL('/api/v1/banks', bankingUrl);
      const { name, primaryCountry, startIndex } = filters;
      for (const [key, value] of Object.entries({ name, primaryCountry, startIndex })) {
        if (value !== undefined) url.searchParams.set(key, String(value));
      }
      return request({
        operation: 'listBanks',
        method: 'GET',
        url,
        headers,
        schema: bankPageSchema,
        signal,
      });
    },

    async getBank({ bankId, signal }) {
      const operation = 'getBank' as const;
      const url = new URL(`/api/v1${pathOf(operation, ['banks', bankId])}`, bankingUrl);
      const schema = sageBankSchema.refine((bank) => bank.bankId === bankId, { path: ['bankId'] });
      return request({ operation, method: 'GET', url, headers, schema, signal });
    },
  };
}
